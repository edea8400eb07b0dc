/* Bilinear upsampling to twice the size. Pixels are squares, not points (align_corners=False).
 *
 * Pictures are channels last, float or bfloat16. The number of channels is a multiple of 16.
 */
#include "vectors.h"

ALWAYS_INLINE int within(int at, int size) { return at < 0 ? 0 : at < size ? at : size - 1; }

/* The value a quarter of the way from `a` to `b`. Equal values give exactly the same value. */
ALWAYS_INLINE vec quarter(vec a, vec b) { return a + 0.25f * (b - a); }

ALWAYS_INLINE void upsample_as(const void *x, void *y, int count, int height, int width, int channels,
                             int threads, int bf16) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
  for (int row = 0; row < count * 2 * height; row++) {
    int i = row % (2 * height) / 2, beside = within(row % 2 ? i + 1 : i - 1, height);
    long first = (long)(row / (2 * height)) * height;
    long here = (first + i) * width * channels, there = (first + beside) * width * channels;
    for (int column = 0; column < 2 * width; column++) {
      long j = column / 2, to = ((long)row * 2 * width + column) * channels;
      long near = j * channels, far = within(column % 2 ? j + 1 : j - 1, width) * (long)channels;
      for (int k = 0; k < channels; k += LANES) {
        vec a = quarter(load(x, here + near + k, bf16), load(x, there + near + k, bf16));
        vec b = quarter(load(x, here + far + k, bf16), load(x, there + far + k, bf16));
        store(y, to + k, quarter(a, b), bf16);
      }
    }
  }
}

/* y (count, 2 height, 2 width, channels) = x (count, height, width, channels), resized. */
void stylenet_upsample(const void *x, void *y, int count, int height, int width, int channels,
                     int bf16, int threads) {
  if (bf16) /* two calls, so that each is compiled without the branches of the other */
    upsample_as(x, y, count, height, width, channels, threads, 1);
  else
    upsample_as(x, y, count, height, width, channels, threads, 0);
}

ALWAYS_INLINE void gradient_as(const void *dy, void *dx, int count, int height, int width,
                               int channels, int threads, int bf16) {
  static const float share[4] = {0.25f, 0.75f, 0.75f, 0.25f};
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
  for (int row = 0; row < count * height; row++) {
    long rows[4], first = (long)(row / height) * 2 * height;
    for (int i = 0; i < 4; i++)
      rows[i] = (first + within(2 * (row % height) + i - 1, 2 * height)) * 2 * width * channels;
    for (int column = 0; column < width; column++) {
      long columns[4], to = ((long)row * width + column) * channels;
      for (int j = 0; j < 4; j++) columns[j] = (long)within(2 * column + j - 1, 2 * width) * channels;
      for (int k = 0; k < channels; k += LANES) {
        vec sum = {0};
        for (int i = 0; i < 4; i++) {
          vec line = {0};
          for (int j = 0; j < 4; j++) line += share[j] * load(dy, rows[i] + columns[j] + k, bf16);
          sum += share[i] * line;
        }
        store(dx, to + k, sum, bf16);
      }
    }
  }
}

/* dx (count, height, width, channels) = the gradient to x, given dy (count, 2 height, 2 width,
 * channels). */
void stylenet_upsample_gradient(const void *dy, void *dx, int count, int height, int width,
                              int channels, int bf16, int threads) {
  if (bf16)
    gradient_as(dy, dx, count, height, width, channels, threads, 1);
  else
    gradient_as(dy, dx, count, height, width, channels, threads, 0);
}
