/* Products of matrices of floats, kept in registers block by block. */
#include "vectors.h"

#define COLUMNS (LANES / 4) /* vectors in a row of a block */
#define PANEL (LANES * COLUMNS)
#define CHANNEL_ROWS 4 /* of a block, where its rows are channels */

/* u += transposed v by m: (rows, in) and (rows, out) to (in, out), of which only the rows from
 * `first` to `last` and the columns from `left` on are made. */
static void multiply_transposed(const float *v, const float *m, float *u, int rows, int in, int out,
                                int first, int last, int left) {
  for (int c = first; c < last; c += CHANNEL_ROWS)
    for (int p = left; p < out; p += PANEL) {
      vec sums[CHANNEL_ROWS][COLUMNS];
      for (int i = 0; i < CHANNEL_ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
          sums[i][j] = *(loose_vec *)(u + (long)(c + i) * out + p + j * LANES);
      for (int r = 0; r < rows; r++) {
        const float *a = v + (long)r * in + c;
        vec b[COLUMNS];
        for (int j = 0; j < COLUMNS; j++)
          b[j] = *(const loose_vec *)(m + (long)r * out + p + j * LANES);
        for (int i = 0; i < CHANNEL_ROWS; i++)
          for (int j = 0; j < COLUMNS; j++) sums[i][j] += a[i] * b[j];
      }
      for (int i = 0; i < CHANNEL_ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
          *(loose_vec *)(u + (long)(c + i) * out + p + j * LANES) = sums[i][j];
    }
}
