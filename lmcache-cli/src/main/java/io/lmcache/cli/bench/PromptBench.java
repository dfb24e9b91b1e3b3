package io.lmcache.cli.bench;

import io.lmcache.api.option.ByteSize;
import io.lmcache.cli.bench.Contest.Contender;
import io.lmcache.cli.bench.Contest.Medians;
import io.lmcache.cli.bench.Report.Row;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.hash.Chunker;
import io.lmcache.core.hash.Sha256ChunkHasher;
import java.io.IOException;
import java.nio.IntBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Map;

/** What a prompt costs before a byte of KV moves: its hashes, and a lookup of all its chunks in the host tier. */
final class PromptBench {
    private static final int HEX_OF_HASH_BYTES = 64;
    private static final double MICROS = 1e6;
    private static final double MIB = 1 << 20;

    private final Scale scale;
    private final Contest contest;
    private final int[] prompt;
    private final long hashedBytes;
    private final Contender bareDigest;

    PromptBench(Scale scale, Contest contest) {
        this.scale = scale;
        this.contest = contest;
        this.prompt = Models.prompt(1, scale.promptChunks() * Models.CHUNK_TOKENS);
        // Every chunk but the first is hashed together with the text of the hash before.
        this.hashedBytes = (long) Integer.BYTES * prompt.length + HEX_OF_HASH_BYTES * (scale.promptChunks() - 1L);
        this.bareDigest = bareDigest(Math.toIntExact(hashedBytes));
    }

    List<Row> measure() throws IOException {
        return List.of(hashing(), lookup());
    }

    private Row hashing() throws IOException {
        Chunker chunker = new Chunker(new Sha256ChunkHasher(), Models.CHUNK_TOKENS, true);
        Medians seconds = hold(() ->
                handled(chunker.chunks(Models.TINY, IntBuffer.wrap(prompt)).tokens()));
        return new Row(
                "hash " + prompt.length + " tokens into " + scale.promptChunks() + " keys",
                "MiB/s",
                hashedBytes / MIB / seconds.candidate(),
                hashedBytes / MIB / seconds.ceiling(),
                new Target.RatioAtLeast(0.7));
    }

    private Row lookup() throws IOException {
        long slab = scale.promptChunks() * Models.chunkBytes(Models.TINY);
        try (LmcacheStack stack = LmcacheStack.builder()
                .tier("cpu", Map.of("max_local_cpu_size", new ByteSize(slab)))
                .build()) {
            KvCache cache = stack.cache(Models.TINY);
            cache.store(prompt, (range, destination) -> {});
            Medians seconds = hold(() -> handled(cache.lookup(prompt)));
            return new Row(
                    "look up " + scale.promptChunks() + " chunks in the host tier",
                    "us",
                    seconds.candidate() * MICROS,
                    seconds.ceiling() * MICROS,
                    new Target.AtMost(2000, "us"));
        }
    }

    private Medians hold(Contender candidate) throws IOException {
        return contest.hold(hashedBytes, scale.computeRounds(), scale.computeRounds(), candidate, bareDigest);
    }

    /** All bytes when all tokens were handled. */
    private long handled(int tokens) {
        return hashedBytes * tokens / prompt.length;
    }

    private static Contender bareDigest(int bytes) {
        byte[] message = new byte[bytes];
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            return () -> {
                sha256.update(message);
                return sha256.digest().length > 0 ? bytes : 0;
            };
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
