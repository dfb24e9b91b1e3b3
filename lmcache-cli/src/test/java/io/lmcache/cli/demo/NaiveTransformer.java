package io.lmcache.cli.demo;

/**
 * The Llama architecture once more, straight from its formulas: one token at a time, double precision, no cache of keys
 * as rows, no blocks. Shares nothing with {@link Transformer} but the weights.
 */
final class NaiveTransformer {
    private final ModelConfig config;
    private final Weights weights;

    NaiveTransformer(ModelConfig config) {
        this.config = config;
        this.weights = new Weights(config);
    }

    double[] logits(int[] tokens) {
        double[][] states = new double[tokens.length][];
        for (int t = 0; t < tokens.length; t++) {
            states[t] = widen(weights.embedding[tokens[t]]);
        }
        for (Weights.Layer layer : weights.layers) {
            attention(layer, states);
            for (double[] state : states) {
                feedForward(layer, state);
            }
        }
        return times(norm(states[states.length - 1], weights.finalNorm), weights.output);
    }

    private void attention(Weights.Layer layer, double[][] states) {
        int size = config.headSize();
        double[][] queries = new double[states.length][];
        double[][] keys = new double[states.length][];
        double[][] values = new double[states.length][];
        for (int t = 0; t < states.length; t++) {
            double[] normal = norm(states[t], layer.attentionNorm);
            queries[t] = rope(times(normal, layer.query), t);
            keys[t] = rope(times(normal, layer.key), t);
            values[t] = times(normal, layer.value);
        }
        for (int t = 0; t < states.length; t++) {
            double[] joined = new double[config.heads() * size];
            for (int head = 0; head < config.heads(); head++) {
                int group = head / (config.heads() / config.kvHeads());
                double[] weight = new double[t + 1];
                double sum = 0;
                for (int p = 0; p <= t; p++) {
                    double dot = 0;
                    for (int i = 0; i < size; i++) {
                        dot += queries[t][head * size + i] * keys[p][group * size + i];
                    }
                    weight[p] = Math.exp(dot / Math.sqrt(size));
                    sum += weight[p];
                }
                for (int p = 0; p <= t; p++) {
                    for (int i = 0; i < size; i++) {
                        joined[head * size + i] += weight[p] / sum * values[p][group * size + i];
                    }
                }
            }
            accumulate(times(joined, layer.attentionOutput), states[t]);
        }
    }

    private static void feedForward(Weights.Layer layer, double[] state) {
        double[] normal = norm(state, layer.feedForwardNorm);
        double[] hidden = times(normal, layer.gate);
        double[] up = times(normal, layer.up);
        for (int i = 0; i < hidden.length; i++) {
            hidden[i] *= up[i] / (1 + Math.exp(-hidden[i]));
        }
        accumulate(times(hidden, layer.down), state);
    }

    private double[] rope(double[] row, int position) {
        int size = config.headSize();
        double[] turned = new double[row.length];
        for (int i = 0; i < row.length; i++) {
            int inHead = i % size;
            int pair = inHead % (size / 2);
            double angle = position / Math.pow(10_000, 2.0 * pair / size);
            int partner = inHead < size / 2 ? i + size / 2 : i - size / 2;
            double sign = inHead < size / 2 ? -1 : 1;
            turned[i] = row[i] * Math.cos(angle) + sign * row[partner] * Math.sin(angle);
        }
        return turned;
    }

    private static double[] norm(double[] row, float[] gains) {
        double squares = 0;
        for (double value : row) {
            squares += value * value;
        }
        double[] normal = new double[row.length];
        for (int i = 0; i < row.length; i++) {
            normal[i] = row[i] / Math.sqrt(squares / row.length + 1e-5) * gains[i];
        }
        return normal;
    }

    private static double[] times(double[] row, float[][] matrix) {
        double[] product = new double[matrix[0].length];
        for (int i = 0; i < row.length; i++) {
            for (int j = 0; j < product.length; j++) {
                product[j] += row[i] * matrix[i][j];
            }
        }
        return product;
    }

    private static void accumulate(double[] from, double[] to) {
        for (int i = 0; i < from.length; i++) {
            to[i] += from[i];
        }
    }

    private static double[] widen(float[] row) {
        double[] wide = new double[row.length];
        for (int i = 0; i < row.length; i++) {
            wide[i] = row[i];
        }
        return wide;
    }
}
