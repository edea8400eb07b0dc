/* Instance norm (Ulyanov et al. 2017) with scale, shift and optional ReLU.
 *
 * Pictures are channels last, float or bfloat16. The number of channels is a multiple of 16. Sums are
 * of floats. Each row is summed first and then the rows are, which keeps the rounding errors small.
 */
#include "vectors.h"

typedef struct {
  long pixels, width; /* pixels of a picture, pixels of a row */
  int count, channels, relu, threads;
  float eps;
} shape;

/* Mean and 1 / standard deviation of LANES channels. */
ALWAYS_INLINE void moments(const void *x, long first, const shape *s, vec *mean, vec *rstd,
                           int bf16) {
  vec total = {0}, squares = {0};
  for (long p = 0; p < s->pixels; p += s->width) {
    vec row = {0};
    for (long q = p; q < p + s->width; q++) row += load(x, first + q * s->channels, bf16);
    total += row;
  }
  *mean = total / (float)s->pixels;
  for (long p = 0; p < s->pixels; p += s->width) {
    vec row = {0};
    for (long q = p; q < p + s->width; q++) {
      vec off = load(x, first + q * s->channels, bf16) - *mean;
      row += off * off;
    }
    squares += row;
  }
  for (int i = 0; i < LANES; i++)
    (*rstd)[i] = 1 / __builtin_sqrtf(squares[i] / (float)s->pixels + s->eps);
}

ALWAYS_INLINE void forward_as(const void *x, const float *scale, const float *shift, void *y,
                              float *saved, const shape *s, int bf16) {
  int blocks = s->channels / LANES;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (int b = 0; b < s->count * blocks; b++) {
    int picture = b / blocks, k = b % blocks * LANES;
    long first = picture * s->pixels * s->channels + k;
    vec mean, rstd;
    moments(x, first, s, &mean, &rstd, bf16);
    *(loose_vec *)(saved + 2l * picture * s->channels + k) = mean;
    *(loose_vec *)(saved + (2l * picture + 1) * s->channels + k) = rstd;
    long affine = (long)picture * s->channels + k;
    vec factor = rstd * load(scale, affine, 0), offset = load(shift, affine, 0);
    for (long p = 0; p < s->pixels; p++) {
      vec value = (load(x, first + p * s->channels, bf16) - mean) * factor + offset;
      if (s->relu) value = where_positive(value, value);
      store(y, first + p * s->channels, value, bf16);
    }
  }
}

ALWAYS_INLINE void backward_as(const void *x, const void *dy, const float *scale,
                               const float *shift, const float *saved, void *dx, float *sums,
                               const shape *s, int bf16) {
  int blocks = s->channels / LANES;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (int b = 0; b < s->count * blocks; b++) {
    int picture = b / blocks, k = b % blocks * LANES;
    long first = picture * s->pixels * s->channels + k;
    long row_of = 2l * picture * s->channels + k, next = row_of + s->channels;
    vec mean = load(saved, row_of, 0), rstd = load(saved, next, 0);
    long affine = (long)picture * s->channels + k;
    vec gain = load(scale, affine, 0), offset = load(shift, affine, 0), factor = rstd * gain;
    vec to_scale = {0}, to_shift = {0};
    for (long p = 0; p < s->pixels; p += s->width) {
      vec products = {0}, plain = {0};
      for (long q = p; q < p + s->width; q++) {
        vec off = load(x, first + q * s->channels, bf16) - mean;
        vec g = load(dy, first + q * s->channels, bf16);
        if (s->relu) g = where_positive(off * factor + offset, g);
        products += g * off;
        plain += g;
      }
      to_scale += products;
      to_shift += plain;
    }
    to_scale *= rstd;
    *(loose_vec *)(sums + row_of) = to_scale;
    *(loose_vec *)(sums + next) = to_shift;
    vec along = to_scale * rstd / (float)s->pixels, mean_gradient = to_shift / (float)s->pixels;
    for (long p = 0; p < s->pixels; p++) {
      vec off = load(x, first + p * s->channels, bf16) - mean;
      vec g = load(dy, first + p * s->channels, bf16);
      if (s->relu) g = where_positive(off * factor + offset, g);
      store(dx, first + p * s->channels, factor * (g - mean_gradient - off * along), bf16);
    }
  }
}

/* y = (x - mean) / deviation * scale + shift.
 *
 * x, y: (count, height, width, channels), bfloat16 if `bf16`, else float; scale, shift: (count,
 * channels); saved: (count, 2, channels), the means and 1 / deviations for the gradient.
 */
void stylenet_norm(const void *x, const float *scale, const float *shift, void *y, float *saved,
                   int count, int height, int width, int channels, float eps, int relu, int bf16,
                   int threads) {
  shape s = {(long)height * width, width, count, channels, relu, threads, eps};
  if (bf16) /* two calls, so that each is compiled without the branches of the other */
    forward_as(x, scale, shift, y, saved, &s, 1);
  else
    forward_as(x, scale, shift, y, saved, &s, 0);
}

/* dx: the gradient to x, given dy; sums (count, 2, channels): each picture's gradients to scale and
 * shift. The other arguments are as in `stylenet_norm`. */
void stylenet_norm_gradient(const void *x, const void *dy, const float *scale, const float *shift,
                            const float *saved, void *dx, float *sums, int count, int height,
                            int width, int channels, int relu, int bf16, int threads) {
  shape s = {(long)height * width, width, count, channels, relu, threads, 0};
  if (bf16)
    backward_as(x, dy, scale, shift, saved, dx, sums, &s, 1);
  else
    backward_as(x, dy, scale, shift, saved, dx, sums, &s, 0);
}
