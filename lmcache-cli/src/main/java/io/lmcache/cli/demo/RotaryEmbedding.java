package io.lmcache.cli.demo;

/** Rotary position embedding (RoPE): turns pairs of a head's elements by angles that grow with the position. */
final class RotaryEmbedding {
    private static final double BASE = 10_000;

    private final int headSize;
    private final float[][] cosines;
    private final float[][] sines;

    RotaryEmbedding(int headSize, int positions) {
        this.headSize = headSize;
        this.cosines = new float[positions][headSize / 2];
        this.sines = new float[positions][headSize / 2];
        for (int position = 0; position < positions; position++) {
            for (int pair = 0; pair < headSize / 2; pair++) {
                double angle = position * StrictMath.pow(BASE, -2.0 * pair / headSize);
                cosines[position][pair] = (float) StrictMath.cos(angle);
                sines[position][pair] = (float) StrictMath.sin(angle);
            }
        }
    }

    /** Turns every head of every row in place; the rows are tokens at consecutive positions. */
    void rotate(float[][] rows, int firstPosition) {
        for (int i = 0; i < rows.length; i++) {
            for (int head = 0; head < rows[i].length; head += headSize) {
                rotateHead(rows[i], head, cosines[firstPosition + i], sines[firstPosition + i]);
            }
        }
    }

    private void rotateHead(float[] row, int start, float[] cosine, float[] sine) {
        int half = headSize / 2;
        for (int pair = 0; pair < half; pair++) {
            float first = row[start + pair];
            float second = row[start + half + pair];
            row[start + pair] = first * cosine[pair] - second * sine[pair];
            row[start + half + pair] = second * cosine[pair] + first * sine[pair];
        }
    }
}
