package io.lmcache.cli.demo;

import java.util.SplittableRandom;

/** A model small enough for tests, with every trait of the large one: several layers, shared KV heads, odd sizes. */
final class TinyModel {
    static final ModelConfig CONFIG = new ModelConfig(3, 6, 2, 6, 22, 3000, 7);

    private TinyModel() {}

    static int[] randomPrompt(long seed, int tokens) {
        return new SplittableRandom(seed)
                .ints(tokens, 0, ModelConfig.VOCABULARY)
                .toArray();
    }

    static float[] logits(Transformer model, int[] prompt) {
        try (KvMemory kv = new KvMemory(model.config().kvLayout(), prompt.length)) {
            return model.forward(prompt, 0, kv, () -> {});
        }
    }
}
