package io.lmcache.cli.demo;

import java.util.Arrays;

/**
 * A decoder-only language model of the Llama architecture: RMSNorm, rotary positions, grouped-query attention, SwiGLU.
 *
 * <p>The logits of a prompt have the same bits however many threads compute them and wherever the prompt is split into a
 * prefix that is in the {@link KvMemory} already and a rest: each token's numbers depend on its own and earlier tokens
 * alone, and each sum has one order ({@link Matrices}). {@link StrictMath} gives the same bits on every machine too.
 *
 * <p>Thread-safe; calls with the same {@link KvMemory} must not overlap.
 */
final class Transformer {
    private static final float NORM_EPSILON = 1e-5f;

    private final ModelConfig config;
    private final Weights weights;
    private final RotaryEmbedding positions;
    private final Workers workers;

    /** A model that computes on these threads; they stay the caller's. */
    Transformer(ModelConfig config, Workers workers) {
        this.config = config;
        this.weights = new Weights(config);
        this.positions = new RotaryEmbedding(config.headSize(), config.context());
        this.workers = workers;
    }

    ModelConfig config() {
        return config;
    }

    /**
     * Computes the tokens from {@code start} on and returns the logits of the token that follows the last one.
     *
     * @param tokens the whole prompt
     * @param start how many leading tokens have their keys and values in {@code kv} already; less than all
     * @param kv the keys and values; complete for the prompt afterwards
     * @param layerDone called after each layer
     */
    float[] forward(int[] tokens, int start, KvMemory kv, Runnable layerDone) {
        float[][] states = embed(tokens, start);
        for (int layer = 0; layer < config.layers(); layer++) {
            computeLayer(layer, states, start, kv);
            layerDone.run();
        }
        float[][] last = {states[states.length - 1]};
        return Matrices.multiply(normalize(last, weights.finalNorm), weights.output)[0];
    }

    private float[][] embed(int[] tokens, int start) {
        return Arrays.stream(tokens, start, tokens.length)
                .mapToObj(token -> weights.embedding[token].clone())
                .toArray(float[][]::new);
    }

    /** Replaces the states of the tokens from {@code start} on by those after the layer. */
    private void computeLayer(int layer, float[][] states, int start, KvMemory kv) {
        Weights.Layer weight = weights.layers[layer];
        workers.forEachBlock(states.length, (from, to) -> {
            float[][] normal = normalize(Arrays.copyOfRange(states, from, to), weight.attentionNorm);
            float[][] keys = Matrices.multiply(normal, weight.key);
            positions.rotate(keys, start + from);
            kv.write(KvMemory.KEYS, layer, start + from, keys);
            kv.write(KvMemory.VALUES, layer, start + from, Matrices.multiply(normal, weight.value));
        });
        float[][][] keys = kv.keys(layer, start + states.length);
        float[][][] values = kv.values(layer, start + states.length);
        workers.forEachBlock(states.length, (from, to) -> {
            float[][] block = Arrays.copyOfRange(states, from, to);
            addAttention(weight, block, start + from, keys, values);
            addFeedForward(weight, block);
        });
    }

    private void addAttention(
            Weights.Layer weight, float[][] states, int firstPosition, float[][][] keys, float[][][] values) {
        float[][] queries = Matrices.multiply(normalize(states, weight.attentionNorm), weight.query);
        positions.rotate(queries, firstPosition);
        float[][] attended = new float[states.length][config.width()];
        for (int head = 0; head < config.heads(); head++) {
            int kvHead = head * config.kvHeads() / config.heads();
            for (int i = 0; i < states.length; i++) {
                int visible = firstPosition + i + 1;
                attend(queries[i], head * config.headSize(), visible, keys[kvHead], values[kvHead], attended[i]);
            }
        }
        add(Matrices.multiply(attended, weight.attentionOutput), states);
    }

    /** One head of one token: the values of the visible positions, weighted by how well their keys match the query. */
    private void attend(
            float[] queries, int headStart, int visible, float[][] keys, float[][] values, float[] attended) {
        int size = config.headSize();
        float[] scores = new float[visible];
        Matrices.addProduct(queries, headStart, size, keys, 0, scores);
        softmax(scores, 1 / (float) StrictMath.sqrt(size));
        float[] sum = new float[size];
        Matrices.addProduct(scores, 0, visible, values, 0, sum);
        System.arraycopy(sum, 0, attended, headStart, size);
    }

    private static void softmax(float[] scores, float scale) {
        float highest = Float.NEGATIVE_INFINITY;
        for (float score : scores) {
            highest = Math.max(highest, score);
        }
        float sum = 0;
        for (int i = 0; i < scores.length; i++) {
            scores[i] = (float) StrictMath.exp((scores[i] - highest) * scale);
            sum += scores[i];
        }
        for (int i = 0; i < scores.length; i++) {
            scores[i] /= sum;
        }
    }

    /** SwiGLU. */
    private static void addFeedForward(Weights.Layer weight, float[][] states) {
        float[][] normal = normalize(states, weight.feedForwardNorm);
        float[][] hidden = Matrices.multiply(normal, weight.gate);
        float[][] up = Matrices.multiply(normal, weight.up);
        for (int i = 0; i < hidden.length; i++) {
            for (int j = 0; j < hidden[i].length; j++) {
                hidden[i][j] = hidden[i][j] * sigmoid(hidden[i][j]) * up[i][j];
            }
        }
        add(Matrices.multiply(hidden, weight.down), states);
    }

    private static float sigmoid(float x) {
        return 1 / (1 + (float) StrictMath.exp(-x));
    }

    /** RMSNorm. */
    private static float[][] normalize(float[][] rows, float[] gains) {
        float[][] normal = new float[rows.length][gains.length];
        for (int i = 0; i < rows.length; i++) {
            float squares = 0;
            for (float value : rows[i]) {
                squares += value * value;
            }
            float scale = 1 / (float) StrictMath.sqrt(squares / gains.length + NORM_EPSILON);
            for (int j = 0; j < gains.length; j++) {
                normal[i][j] = rows[i][j] * scale * gains[j];
            }
        }
        return normal;
    }

    private static void add(float[][] from, float[][] to) {
        for (int i = 0; i < from.length; i++) {
            for (int j = 0; j < from[i].length; j++) {
                to[i][j] += from[i][j];
            }
        }
    }
}
