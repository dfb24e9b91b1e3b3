package io.lmcache.backend.posix;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.chunkfiles.FileTierSettings;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import io.lmcache.chunkfiles.format.NativeChunkFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** What the tests of this package share: backends on a directory, and waiting with a bound. */
final class TestBackends {
    static final BackendContext CONTEXT = new BackendContext("test", Clock.systemUTC());

    private TestBackends() {}

    /** A backend on that directory; further settings as name, value, name, value. */
    static StorageBackend open(Path root, String... settings) {
        return new PosixBackendProvider().create(settings(root, settings), CONTEXT);
    }

    /** The same, through a layer over the file system. */
    static StorageBackend open(InjectedFiles files, Path root, String... settings) {
        BackendSettings given = settings(root, settings);
        List<Path> injected =
                given.required(SharedOptions.GDS_PATH).stream().map(files::path).toList();
        return PosixBackendProvider.open(
                FileTierSettings.from(given, Sharding.BY_HASH, injected), new NativeChunkFormat(), CONTEXT);
    }

    private static BackendSettings settings(Path root, String... settings) {
        Map<String, String> values = new HashMap<>(Map.of("path", root.toString(), "staging_bytes", "67108864"));
        for (int i = 0; i < settings.length; i += 2) {
            values.put(settings[i], settings[i + 1]);
        }
        return BackendSettings.of("posix", values);
    }

    static <T> T await(CompletableFuture<T> future) {
        try {
            return future.get(30, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("failed: " + e.getCause(), e);
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("no answer", e);
        }
    }

    /** Waits for something to become so; the other call says how it is in case it does not. */
    static void awaitTrue(Callable<Boolean> condition, Callable<String> state) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.call() && System.nanoTime() - end < 0) {
            TimeUnit.MILLISECONDS.sleep(5);
        }
        assertThat(condition.call()).as(state.call()).isTrue();
    }

    static PutOutcome put(StorageBackend backend, ChunkKey key, ChunkMeta meta) {
        try (BufferLease lease = TestChunks.lease(backend.allocator(), key, meta)) {
            return await(backend.put(key, meta, lease));
        }
    }

    static void store(StorageBackend backend, ChunkKey key) {
        assertThat(put(backend, key, TestChunks.META)).isEqualTo(PutOutcome.stored());
    }

    /** Whether the chunk is found; if so, its bytes have to be right. */
    static boolean holds(StorageBackend backend, ChunkKey key, BufferAllocator allocator) {
        Optional<StoredChunk> found = await(backend.get(key, allocator));
        if (found.isEmpty()) {
            return false;
        }
        try (StoredChunk chunk = found.get()) {
            TestChunks.requireIntact(key, TestChunks.hostSegment(chunk.lease()));
        }
        return true;
    }

    static boolean holds(StorageBackend backend, ChunkKey key) {
        return holds(backend, key, backend.allocator());
    }

    static long count(StorageBackend backend, BackendCounter counter) {
        return Objects.requireNonNull(backend.stats().counters().get(counter), counter.text());
    }

    static Path file(Path root, ChunkKey key) {
        return root.resolve(((ChunkName.Below) new NativeChunkFormat().name(key)).path());
    }

    /** The files there are; one that a janitor removes while this looks is not. */
    static List<Path> regularFiles(Path root) throws IOException {
        List<Path> files = new ArrayList<>();
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                if (attributes.isRegularFile()) {
                    files.add(file);
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                if (e instanceof NoSuchFileException && !file.equals(root)) {
                    return FileVisitResult.CONTINUE;
                }
                throw e;
            }
        });
        return files;
    }

    static List<Path> quarantined(Path root) throws IOException {
        return regularFiles(root.resolve(".lmcache/quarantine"));
    }
}
