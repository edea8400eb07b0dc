/* Gram matrices in float: the products of all pairs of channels, summed over a picture's pixels. */
#include "products.h"

#define BAND 16 /* rows of the result that a thread computes at once */

ALWAYS_INLINE void gram_as(const void *x, float *gram, int count, long pixels, int channels,
                           float *scratch, int chunk, int threads, int bf16) {
  long square = (long)channels * channels;
  for (long i = 0; i < count * square; i++) gram[i] = 0;
#pragma omp parallel num_threads(threads)
  for (int picture = 0; picture < count; picture++) {
    float *sums = gram + picture * square;
    for (long from = 0; from < pixels; from += chunk) {
      int rows = from + chunk < pixels ? chunk : pixels - from;
      long first = (picture * pixels + from) * channels;
#pragma omp for schedule(dynamic, 16)
      for (int r = 0; r < rows; r++)
        for (int k = 0; k < channels; k += LANES)
          store(scratch, blocked(r, k, chunk, PANEL),
                load(x, first + (long)r * channels + k, bf16), 0);
#pragma omp for schedule(dynamic)
      for (int c = 0; c < channels; c += BAND) /* the upper triangle, with a stepped edge */
        multiply_transposed(scratch, scratch, sums, rows, chunk, channels, c, c + BAND,
                            c / PANEL * PANEL, PANEL);
    }
#pragma omp for schedule(static)
    for (int c = 0; c < channels; c++)
      for (int d = 0; d < c / PANEL * PANEL; d++)
        sums[(long)c * channels + d] = sums[(long)d * channels + c];
  }
}

/* gram (count, channels, channels) of x (count, pixels, channels).
 *
 * x: bfloat16 if `bf16`, else float; channels: a multiple of 64; chunk: pixels read at once; scratch:
 * chunk * channels floats.
 */
void stylenet_gram(const void *x, float *gram, int count, long pixels, int channels, int bf16,
                   float *scratch, int chunk, int threads) {
  if (bf16) /* two calls, so that each is compiled without the branches of the other */
    gram_as(x, gram, count, pixels, channels, scratch, chunk, threads, 1);
  else
    gram_as(x, gram, count, pixels, channels, scratch, chunk, threads, 0);
}
