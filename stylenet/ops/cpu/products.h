/* Products of matrices of floats, kept in registers block by block. */
#include "vectors.h"

#define COLUMNS (LANES / 4) /* vectors in a row of a block */
#define PANEL (LANES * COLUMNS)
#define CHANNEL_ROWS 4 /* of a block, where its rows are channels */

/* Where element `k` of row `row` lies, when blocks of so many columns are kept together: rows that
 * were a power of two apart would fall on the same lines of the cache. */
ALWAYS_INLINE long blocked(int row, int k, int rows, int block) {
  return (long)(k / block) * block * rows + (long)row * block + k % block;
}

/* u += transposed v by m: (rows, in) and (rows, out) to (in, out), of which only the rows from `first`
 * to `last` and the columns from `left` on are made. v lies in blocks of `block` columns, m in blocks
 * of PANEL, each with room for `room` rows. */
ALWAYS_INLINE void multiply_transposed(const float *v, const float *m, float *u, int rows, int room,
                                       int out, int first, int last, int left, int block) {
  for (int p = left; p < out; p += PANEL)
    for (int c = first; c < last; c += CHANNEL_ROWS) {
      const float *a = v + blocked(0, c, room, block), *from = m + blocked(0, p, room, PANEL);
      vec sums[CHANNEL_ROWS][COLUMNS];
      for (int i = 0; i < CHANNEL_ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
          sums[i][j] = *(loose_vec *)(u + (long)(c + i) * out + p + j * LANES);
      for (int r = 0; r < rows; r++) {
        vec b[COLUMNS];
        for (int j = 0; j < COLUMNS; j++)
          b[j] = *(const loose_vec *)(from + (long)r * PANEL + j * LANES);
        for (int i = 0; i < CHANNEL_ROWS; i++)
          for (int j = 0; j < COLUMNS; j++) sums[i][j] += a[(long)r * block + i] * b[j];
      }
      for (int i = 0; i < CHANNEL_ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
          *(loose_vec *)(u + (long)(c + i) * out + p + j * LANES) = sums[i][j];
    }
}
