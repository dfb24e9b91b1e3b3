package io.lmcache.cli.demo;

import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * The parameters of a {@link Transformer}, drawn from a fixed seed: the model is as large and as slow as a real one of
 * its shape, it has only learned nothing.
 *
 * <p>A matrix has one row for each input, as {@link Matrices} wants it. Not to be changed, hence thread-safe.
 */
final class Weights {
    final float[][] embedding;
    final Layer[] layers;
    final float[] finalNorm;
    final float[][] output;

    Weights(ModelConfig config) {
        SplittableRandom random = new SplittableRandom(config.seed());
        this.embedding = matrix(random, ModelConfig.VOCABULARY, config.width());
        this.layers = Stream.generate(() -> new Layer(random, config))
                .limit(config.layers())
                .toArray(Layer[]::new);
        this.finalNorm = norm(random, config.width());
        this.output = matrix(random, config.width(), ModelConfig.VOCABULARY);
    }

    /** The parameters of one block. */
    static final class Layer {
        final float[] attentionNorm;
        final float[][] query;
        final float[][] key;
        final float[][] value;
        final float[][] attentionOutput;
        final float[] feedForwardNorm;
        final float[][] gate;
        final float[][] up;
        final float[][] down;

        private Layer(SplittableRandom random, ModelConfig config) {
            int width = config.width();
            int kvWidth = config.kvLayout().hiddenSize();
            this.attentionNorm = norm(random, width);
            this.query = matrix(random, width, width);
            this.key = matrix(random, width, kvWidth);
            this.value = matrix(random, width, kvWidth);
            this.attentionOutput = matrix(random, width, width);
            this.feedForwardNorm = norm(random, width);
            this.gate = matrix(random, width, config.feedForwardWidth());
            this.up = matrix(random, width, config.feedForwardWidth());
            this.down = matrix(random, config.feedForwardWidth(), width);
        }
    }

    /** Scaled so that a sum over the inputs has about the variance of one input. */
    private static float[][] matrix(SplittableRandom random, int inputs, int outputs) {
        float bound = (float) StrictMath.sqrt(3.0 / inputs);
        float[][] matrix = new float[inputs][outputs];
        for (float[] row : matrix) {
            fill(random, row, -bound, bound);
        }
        return matrix;
    }

    private static float[] norm(SplittableRandom random, int width) {
        float[] gains = new float[width];
        fill(random, gains, 0.9f, 1.1f);
        return gains;
    }

    private static void fill(SplittableRandom random, float[] values, float low, float high) {
        for (int i = 0; i < values.length; i++) {
            values[i] = low + (high - low) * random.nextInt(1 << 24) / (1 << 24);
        }
    }
}
