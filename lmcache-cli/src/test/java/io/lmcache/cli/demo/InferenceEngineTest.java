package io.lmcache.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.KeyScope;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class InferenceEngineTest {
    private static final KeyScope SCOPE = KeyScope.of(TinyModel.CONFIG.modelId(), TinyModel.CONFIG.kvLayout());

    private final Workers workers = new Workers(2);
    private final Transformer model = new Transformer(TinyModel.CONFIG, workers);
    private final LmcacheStack stack = LmcacheStack.builder()
            .tier("cpu", Map.of("capacity_bytes", "16777216"))
            .build();
    private final KvCache cache = stack.cache(SCOPE);
    private final InferenceEngine inference = new InferenceEngine(model, cache);

    @AfterEach
    void close() {
        stack.close();
        workers.close();
    }

    @Test
    void aPrefixFromTheCacheKeepsEveryBit() {
        int[] prompt = TinyModel.randomPrompt(21, 600);
        FirstToken alone = inference.runWithoutCache(prompt, () -> {});
        FirstToken cold = inference.run(prompt, () -> {});
        FirstToken again = inference.run(prompt, () -> {});
        assertThat(cold.hitTokensByTier()).isEmpty();
        assertThat(again.hitTokensByTier()).isEqualTo(Map.of("cpu", 600));
        assertThat(cold.logitBits()).isEqualTo(alone.logitBits());
        assertThat(again.logitBits()).isEqualTo(alone.logitBits());
    }

    @Test
    void wrongKvInTheCacheShowsInTheLogits() {
        int[] prompt = TinyModel.randomPrompt(22, 300);
        cache.store(prompt, (range, buffer) -> ((HostBuffer) buffer).segment().fill((byte) 0))
                .published()
                .join();
        FirstToken cached = inference.run(prompt, () -> {});
        assertThat(cached.hitTokensByTier()).isEqualTo(Map.of("cpu", 300));
        assertThat(cached.logitBits())
                .isNotEqualTo(inference.runWithoutCache(prompt, () -> {}).logitBits());
    }
}
