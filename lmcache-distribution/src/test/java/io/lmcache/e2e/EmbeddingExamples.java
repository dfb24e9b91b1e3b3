package io.lmcache.e2e;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The code of the README, which a test compares with these regions. */
final class EmbeddingExamples {
    /** The model of the examples, as small as the tests want it. */
    static final KvLayout LAYOUT = KvLayout.kv(KvDtype.BFLOAT16, 2, 2, 8);

    /** The part of an inference engine that the examples leave open. */
    interface Model {
        /** Computes the KV of the prompt from that token on, given that of the tokens before. */
        void prefill(int[] prompt, int firstToken, MemorySegment kvMemory);
    }

    private EmbeddingExamples() {}

    static int answer(Path directory, Model model, KvLayout layout, int[] prompt, MemorySegment kvMemory) {
        // snippet: embedding
        LmcacheConfig config = LmcacheConfig.of(Map.of("gds_path", directory, "max_local_cpu_size", "512 MiB"));
        try (LmcacheStack stack = Lmcache.open(config)) {
            KvCache cache = stack.cache(KeyScope.of("meta-llama/Llama-3.1-8B-Instruct", layout));

            HostKvTensor kv = new HostKvTensor(layout, kvMemory, prompt.length);
            int cached = cache.retrieve(prompt, kv).tokens(); // loads the longest prefix that is cached
            int known = Math.min(cached, prompt.length - 1); // the last token is computed in any case, for its logits
            model.prefill(prompt, known, kvMemory); // computes the rest
            cache.store(prompt, kv); // keeps what is new
            return cached;
        }
        // end
    }

    static void measured(Consumer<LmcacheStack> engine) {
        // snippet: metrics
        MeterRegistry registry = new SimpleMeterRegistry();
        try (LmcacheStack stack = Lmcache.open(LmcacheConfig.load(), registry)) {
            engine.accept(stack);
        }
        // end
    }

    static LmcacheStack customStack(Path firstDrive, Path secondDrive, StorageBackend ownBackend) {
        // snippet: builder
        return LmcacheStack.builder()
                .chunkSize(512)
                .tier("cpu", Map.of("max_local_cpu_size", "512 MiB", "cache_policy", "lfu"))
                .tier("posix", Map.of("gds_path", List.of(firstDrive, secondDrive), "max_gds_size", "200 GiB"))
                .tier(ownBackend)
                .build();
        // end
    }
}
