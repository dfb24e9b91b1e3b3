package io.lmcache.backend.s3;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** What the tests of this package share: backends, and calls with a bound. */
final class S3Fixture {
    static final BackendContext CONTEXT = new BackendContext("test", Clock.systemUTC());
    static final Duration PATIENCE = Duration.ofSeconds(60);

    private S3Fixture() {}

    /** A backend in the server's bucket; the further settings are names and values in turn. */
    static StorageBackend open(S3ProxyProcess server, String... settings) {
        return open(server.endpoint(), server, settings);
    }

    /** As {@link #open(S3ProxyProcess, String...)}, by another way to the server. */
    static StorageBackend open(String endpoint, S3ProxyProcess server, String... settings) {
        return new S3BackendProvider().create(settings(endpoint, server, settings), CONTEXT);
    }

    static BackendSettings settings(String endpoint, S3ProxyProcess server, String... settings) {
        Map<String, String> values = new HashMap<>(Map.of(
                "remote_url",
                "s3://" + S3ProxyProcess.BUCKET + "/test",
                "endpoint_url",
                endpoint,
                "credentials_file",
                server.credentialsFile().toString(),
                "staging_size",
                "128 MiB"));
        for (int i = 0; i < settings.length; i += 2) {
            values.put(settings[i], settings[i + 1]);
        }
        return BackendSettings.of("s3", values);
    }

    static <T> T await(CompletableFuture<T> future) throws IOException {
        try {
            return future.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new AssertionError(e);
        } catch (TimeoutException e) {
            throw new AssertionError("nothing within " + PATIENCE, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    static PutOutcome put(StorageBackend backend, ChunkKey key, ChunkMeta meta) throws IOException {
        CompletableFuture<PutOutcome> outcome;
        try (BufferLease lease = TestChunks.lease(backend.allocator(), key, meta)) {
            outcome = backend.put(key, meta, lease);
        }
        return await(outcome);
    }

    static PutOutcome put(StorageBackend backend, ChunkKey key) throws IOException {
        return put(backend, key, TestChunks.META);
    }

    /** Whether the chunk is found; its bytes have to be right then. */
    static boolean holds(StorageBackend backend, ChunkKey key, BufferAllocator memory) throws IOException {
        Optional<StoredChunk> found = await(backend.get(key, memory));
        found.ifPresent(chunk -> {
            try (chunk) {
                TestChunks.requireIntact(key, TestChunks.hostSegment(chunk.lease()));
            }
        });
        return found.isPresent();
    }

    static boolean holds(StorageBackend backend, ChunkKey key) throws IOException {
        return holds(backend, key, backend.allocator());
    }

    static int prefix(StorageBackend backend, List<ChunkKey> keys) throws IOException {
        return await(backend.containsPrefix(keys));
    }

    static long counter(StorageBackend backend, String name) {
        return backend.stats().count(BackendCounter.valueOf(name.toUpperCase(Locale.ROOT)));
    }

    /** Something that may fail with the server. */
    @FunctionalInterface
    interface Attempt {
        boolean succeeds() throws IOException;
    }

    /** Tries again until it succeeds; failures of the server do not count. */
    static void eventually(String what, Attempt attempt) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        IOException last = null;
        while (System.nanoTime() - end < 0) {
            try {
                if (attempt.succeeds()) {
                    return;
                }
            } catch (IOException e) {
                last = e;
            }
            pause();
        }
        throw new AssertionError(what + " never happens", last);
    }

    private static void pause() {
        try {
            Thread.sleep(50);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }
}
