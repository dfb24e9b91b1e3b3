package io.lmcache.cli.bench;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import java.util.Random;

/** The KV caches and the prompts that are measured. Stateless. */
final class Models {
    /** Tokens in a chunk. */
    static final int CHUNK_TOKENS = 256;

    /** Llama-3.1-8B on one GPU: 32 MiB a chunk. */
    static final KeyScope LARGE = KeyScope.of("Llama-3.1-8B", KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128));

    /** Qwen2.5-0.5B on two GPUs: 1.5 MiB a chunk. */
    static final KeyScope SMALL = KeyScope.of("Qwen2.5-0.5B", KvLayout.kv(KvDtype.BFLOAT16, 24, 1, 64));

    /** One page a chunk: for what depends on the number of chunks and not on their bytes. */
    static final KeyScope TINY = KeyScope.of("tiny", KvLayout.mla(KvDtype.UINT8, 1, 16));

    /** The size of an open vocabulary of today. */
    private static final int VOCABULARY = 128_256;

    private Models() {}

    /** The bytes of a full chunk. */
    static long chunkBytes(KeyScope scope) {
        return scope.layout().chunkBytes(CHUNK_TOKENS);
    }

    /** A prompt; prompts of different numbers share no prefix worth mentioning. */
    static int[] prompt(long number, int tokens) {
        return new Random(number).ints(tokens, 0, VOCABULARY).toArray();
    }
}
