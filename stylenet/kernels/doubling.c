/* Bilinear resizing to twice the size, pixels being squares, not points.
 *
 * Pictures are channels last, float or bfloat16, channels a multiple of 16.
 */
#include "vectors.h"

typedef struct {
  const void *pixels;
  int height, width, channels;
} image;

/* A picture's pixel, or the one on the border next to it, LANES channels from `k` on. */
ALWAYS_INLINE vec pixel(const image *from, int picture, int y, int x, int k, int bf16) {
  y = y < 0 ? 0 : y < from->height ? y : from->height - 1;
  x = x < 0 ? 0 : x < from->width ? x : from->width - 1;
  long row = (long)picture * from->height + y;
  return load(from->pixels, (row * from->width + x) * from->channels + k, bf16);
}

/* What lies a quarter of the way from `a` to `b`: of equal ones, they themselves. */
ALWAYS_INLINE vec quarter(vec a, vec b) { return a + 0.25f * (b - a); }

ALWAYS_INLINE void double_as(const image *x, void *y, int count, int threads, int bf16) {
  int height = 2 * x->height, width = 2 * x->width;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int row = 0; row < count * height; row++) {
    int p = row / height, i = row % height / 2, near_i = row % 2 ? i + 1 : i - 1;
    for (int column = 0; column < width; column++) {
      int j = column / 2, near_j = column % 2 ? j + 1 : j - 1;
      for (int k = 0; k < x->channels; k += LANES) {
        vec here = quarter(pixel(x, p, i, j, k, bf16), pixel(x, p, near_i, j, k, bf16));
        vec beside = quarter(pixel(x, p, i, near_j, k, bf16), pixel(x, p, near_i, near_j, k, bf16));
        store(y, ((long)row * width + column) * x->channels + k, quarter(here, beside), bf16);
      }
    }
  }
}

/* y (count, 2 height, 2 width, channels) = x (count, height, width, channels), resized. */
void stylenet_double(const void *x, void *y, int count, int height, int width, int channels,
                     int bf16, int threads) {
  image from = {x, height, width, channels};
  if (bf16) /* twice, so that each is compiled without the other's branches */
    double_as(&from, y, count, threads, 1);
  else
    double_as(&from, y, count, threads, 0);
}

ALWAYS_INLINE void gradient_as(const image *dy, void *dx, int count, int threads, int bf16) {
  static const float share[4] = {0.25f, 0.75f, 0.75f, 0.25f};
  int height = dy->height / 2, width = dy->width / 2;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int row = 0; row < count * height; row++)
    for (int column = 0; column < width; column++)
      for (int k = 0; k < dy->channels; k += LANES) {
        vec sum = {0};
        for (int i = 0; i < 4; i++)
          for (int j = 0; j < 4; j++)
            sum += share[i] * share[j] * pixel(dy, row / height, 2 * (row % height) + i - 1,
                                               2 * column + j - 1, k, bf16);
        store(dx, ((long)row * width + column) * dy->channels + k, sum, bf16);
      }
}

/* dx (count, height, width, channels) = the gradient to x of dy (count, 2 height, 2 width, channels). */
void stylenet_double_gradient(const void *dy, void *dx, int count, int height, int width,
                              int channels, int bf16, int threads) {
  image from = {dy, 2 * height, 2 * width, channels};
  if (bf16)
    gradient_as(&from, dx, count, threads, 1);
  else
    gradient_as(&from, dx, count, threads, 0);
}
