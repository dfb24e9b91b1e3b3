package io.lmcache.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TransformerTest {
    private final Workers workers = new Workers(2);
    private final Transformer model = new Transformer(TinyModel.CONFIG, workers);

    @AfterEach
    void stopWorkers() {
        workers.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 17, 50})
    void agreesWithTheFormulas(int tokens) {
        int[] prompt = TinyModel.randomPrompt(11, tokens);
        double[] expected = new NaiveTransformer(TinyModel.CONFIG).logits(prompt);
        float[] logits = TinyModel.logits(model, prompt);
        assertThat(logits).hasSize(ModelConfig.VOCABULARY);
        for (int i = 0; i < logits.length; i++) {
            assertThat((double) logits[i]).as("logit %d", i).isCloseTo(expected[i], within(1e-4));
        }
    }

    @Test
    void logitsDependOnEveryToken() {
        int[] prompt = TinyModel.randomPrompt(12, 40);
        float[] logits = TinyModel.logits(model, prompt);
        for (int changed = 0; changed < prompt.length; changed++) {
            int[] other = prompt.clone();
            other[changed] = (other[changed] + 1) % ModelConfig.VOCABULARY;
            assertThat(TinyModel.logits(model, other))
                    .as("token %d changed", changed)
                    .isNotEqualTo(logits);
        }
    }

    @Test
    void splittingThePromptAnywhereKeepsEveryBit() {
        int[] prompt = TinyModel.randomPrompt(13, 70);
        float[] whole = TinyModel.logits(model, prompt);
        for (int split = 1; split < prompt.length; split++) {
            assertThat(logitsInTwoParts(prompt, split)).as("split at %d", split).isEqualTo(whole);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 8})
    void theNumberOfThreadsKeepsEveryBit(int threads) {
        int[] prompt = TinyModel.randomPrompt(14, 90);
        try (Workers others = new Workers(threads)) {
            Transformer same = new Transformer(TinyModel.CONFIG, others);
            assertThat(TinyModel.logits(same, prompt)).isEqualTo(TinyModel.logits(model, prompt));
        }
    }

    @Test
    void roomBeyondThePromptKeepsEveryBit() {
        int[] prompt = TinyModel.randomPrompt(15, 33);
        try (KvMemory roomy = new KvMemory(TinyModel.CONFIG.kvLayout(), 500)) {
            assertThat(model.forward(prompt, 0, roomy, () -> {})).isEqualTo(TinyModel.logits(model, prompt));
        }
    }

    private float[] logitsInTwoParts(int[] prompt, int split) {
        try (KvMemory kv = new KvMemory(TinyModel.CONFIG.kvLayout(), prompt.length)) {
            model.forward(Arrays.copyOf(prompt, split), 0, kv, () -> {});
            return model.forward(prompt, split, kv, () -> {});
        }
    }
}
