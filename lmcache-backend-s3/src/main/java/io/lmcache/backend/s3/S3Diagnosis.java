package io.lmcache.backend.s3;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StoredChunk;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Tries a bucket out with a chunk of its own, by the operations that a cache uses. For one thread. */
final class S3Diagnosis {
    private static final int TRIAL_BYTES = 16 << 20;
    private static final String REMEDY =
            "correct remote_url, endpoint_url, region or credentials, or allow what is refused";

    private final S3Settings settings;
    private final Optional<Path> memory;
    private final List<Finding> findings = new ArrayList<>();

    S3Diagnosis(S3Settings settings, Optional<Path> memory) {
        this.settings = settings;
        this.memory = memory;
    }

    List<Finding> findings() {
        findings.add(Finding.ok(
                "bucket",
                settings.address() + " by " + settings.endpoint() + ", region " + settings.region() + ", "
                        + settings.credentialsSource()));
        findings.add(
                memory.isPresent()
                        ? Finding.ok("payload", "goes straight to a chunk's memory, by " + memory.get())
                        : Finding.note(
                                "payload",
                                "comes over the Java heap, since this process may not write to /proc/self/mem",
                                "allow it in the sandbox, or give the heap room"));
        try (S3Backend backend = new S3Backend(settings, memory)) {
            trial(backend);
        } catch (LmcacheException e) {
            findings.add(Finding.problem("client", String.valueOf(e.getMessage()), "use another machine"));
        } catch (IOException e) {
            findings.add(Finding.failure("trial", String.valueOf(e.getMessage()), REMEDY));
        }
        return findings;
    }

    /** A chunk that no cache can ask for: its hash is random. */
    private void trial(S3Backend backend) throws IOException {
        KvLayout layout = KvLayout.mla(KvDtype.UINT8, 1, 1);
        byte[] hash = new byte[32];
        new SecureRandom().nextBytes(hash);
        ChunkKey key = new ChunkKey(KeyScope.of("lmcache-doctor", layout), ChunkHash.of(hash));
        ChunkMeta meta = new ChunkMeta(layout, TRIAL_BYTES);
        Optional<BufferLease> staged = backend.allocator().tryAllocate(meta.byteSize());
        if (staged.isEmpty()) {
            findings.add(Finding.note("trial", "staging_size is less than the 16 MiB of a trial", "raise it"));
            return;
        }
        PutOutcome outcome;
        long start = System.nanoTime();
        try (BufferLease lease = staged.get()) {
            outcome = await(backend.put(key, meta, lease));
        }
        long written = System.nanoTime();
        if (outcome instanceof PutOutcome.Declined(var _, String message)) {
            findings.add(Finding.failure("trial", "no chunk is taken: " + message, "raise max_size"));
            return;
        }
        try {
            Optional<StoredChunk> found = await(backend.get(key, backend.allocator()));
            found.ifPresent(StoredChunk::close);
            findings.add(
                    found.isPresent()
                            ? Finding.ok(
                                    "trial",
                                    "a chunk of 16 MiB: written with " + speed(written - start)
                                            + ", read and checked with " + speed(System.nanoTime() - written))
                            : Finding.failure(
                                    "trial",
                                    "a chunk that was written is not found",
                                    "use a store that is consistent"));
        } finally {
            await(backend.tryInvalidate(key));
        }
    }

    private static String speed(long nanos) {
        return String.format(Locale.ROOT, "%.0f MB/s", TRIAL_BYTES * 1e3 / Math.max(1, nanos));
    }

    /** Operations have a deadline of their own. */
    private static <T> T await(CompletableFuture<T> operation) throws IOException {
        try {
            return operation.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException failure ? failure : new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
