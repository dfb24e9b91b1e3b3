package io.lmcache.cli.demo;

import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.RetrieveResult;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.KvCache;
import java.util.Collections;
import java.util.concurrent.TimeUnit;

/** Runs prompts through the model, with and without the cache. {@link #run} shows all that an engine adds to use it. */
final class InferenceEngine {
    private static final int PUBLISH_SECONDS = 120;

    private final Transformer model;
    private final KvLayout layout;
    private final KvCache cache;

    InferenceEngine(Transformer model, KvCache cache) {
        this.model = model;
        this.layout = model.config().kvLayout();
        this.cache = cache;
    }

    /** Loads what the cache has of the prompt, computes the rest, and stores it. */
    FirstToken run(int[] prompt, Runnable layerDone) {
        try (KvMemory kv = new KvMemory(layout, prompt.length)) {
            HostKvTensor tensor = new HostKvTensor(layout, kv.segment(), prompt.length);
            long started = System.nanoTime();
            RetrieveResult hit = cache.retrieve(prompt, tensor);
            // The last token is computed in any case: it gives the logits, which are not in the cache.
            int known = Math.min(hit.tokens(), prompt.length - 1);
            float[] logits = model.forward(prompt, known, kv, layerDone);
            double seconds = secondsSince(started);
            awaitPublication(cache.store(prompt, tensor));
            return FirstToken.of(seconds, hit.tokensByTier(), logits);
        }
    }

    FirstToken runWithoutCache(int[] prompt, Runnable layerDone) {
        try (KvMemory kv = new KvMemory(layout, prompt.length)) {
            long started = System.nanoTime();
            float[] logits = model.forward(prompt, 0, kv, layerDone);
            return FirstToken.of(secondsSince(started), Collections.emptySortedMap(), logits);
        }
    }

    void forget(int[] prompt) {
        cache.remove(prompt);
    }

    private static double secondsSince(long started) {
        return (System.nanoTime() - started) / 1e9;
    }

    /** A server would go on with the next request; the demo's next run shall find the chunks in every tier. */
    private static void awaitPublication(StoreResult stored) {
        var published = stored.published().copy();
        published
                .completeOnTimeout(Collections.emptySortedMap(), PUBLISH_SECONDS, TimeUnit.SECONDS)
                .join();
    }
}
