package io.lmcache.backend.posix;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.backend.posix.PreloadedFaults.Call;
import io.lmcache.backend.posix.PreloadedFaults.Fault;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A process in which calls of the operating system fail or hang, one kind after another, each below a root of its own.
 * Prints a line with what came of each, and ends with a failure where it must not have come.
 */
final class FaultWorker {
    /** Those that file systems give; by their number of Linux. */
    static final Map<Integer, String> ERRORS = new TreeMap<>(Map.of(
            5, "EIO",
            12, "ENOMEM",
            13, "EACCES",
            24, "EMFILE",
            28, "ENOSPC",
            30, "EROFS",
            37, "ENOLCK",
            116, "ESTALE",
            122, "EDQUOT"));

    private static final long MOST_SECONDS = 45;
    private static final List<FileFormat> FORMATS = List.of(FileFormat.values());
    private static final List<ChunkKey> BEFORE = TestChunks.keys(8);

    private final PreloadedFaults faults;
    private final Path folder;
    private int cases;

    private FaultWorker(PreloadedFaults faults, Path folder) {
        this.faults = faults;
        this.folder = folder;
    }

    /**
     * Tries all of them.
     *
     * @param arguments the library, a folder for the roots, and how many of the calls fail: every one, every second and so on,
     *     up to that number; 0 lets them hang
     */
    public static void main(String[] arguments) throws Exception {
        FaultWorker worker = new FaultWorker(new PreloadedFaults(Path.of(arguments[0])), Path.of(arguments[1]));
        int most = Integer.parseInt(arguments[2]);
        if (most == 0) {
            worker.hangAll();
        }
        for (int every = 1; every <= most; every++) {
            for (Call call : Call.values()) {
                for (int errno : ERRORS.keySet()) {
                    worker.fail(call, errno, every);
                }
            }
        }
        // Threads of backends that were given up do not keep the process.
        System.exit(0);
    }

    private static StorageBackend open(Path root, FileFormat format) {
        return TestBackends.open(root, "max_bytes", "100000000", "fsync", "full", "file_format", format.name());
    }

    private void fail(Call call, int errno, int every) throws Exception {
        String name = call + "-" + ERRORS.get(errno) + "-" + every;
        Path root = Files.createDirectories(folder.resolve(name));
        FileFormat format = FORMATS.get(cases++ % FORMATS.size());
        Tally tally = new Tally();
        StorageBackend before = open(root, format);
        BEFORE.forEach(key -> TestBackends.store(before, key));
        List<StorageBackend> backends = new ArrayList<>(List.of(before));
        long struck;
        try (Fault fault = faults.fail(root, call, errno, every)) {
            try {
                backends.add(open(root, format));
            } catch (LmcacheException e) {
                tally.refused++;
            }
            for (StorageBackend backend : backends) {
                useAll(backend, tally);
            }
            struck = fault.calls();
        }
        // What a file system refuses for lack of room may take the room of what is there.
        long evicted = backends.stream()
                .mapToLong(backend -> TestBackends.count(backend, BackendCounter.EVICTED))
                .sum();
        for (StorageBackend backend : backends) {
            requireHealth(name, backend, evicted);
        }
        backends.forEach(StorageBackend::close);
        System.out.println("case " + name + " struck=" + struck + " " + tally);
    }

    /** What became of the operations of a case. */
    private static final class Tally {
        private int refused;
        private int hits;
        private int misses;
        private int stored;
        private int declined;
        private int failed;

        @Override
        public String toString() {
            return "refused=" + refused + " hits=" + hits + " misses=" + misses + " stored=" + stored + " declined="
                    + declined + " failed=" + failed;
        }
    }

    private static void useAll(StorageBackend backend, Tally tally) throws Exception {
        for (ChunkKey key : BEFORE) {
            CompletableFuture<Boolean> isHit = backend.get(key, backend.allocator())
                    .thenApply(found -> found.map(chunk -> {
                                try (chunk) {
                                    TestChunks.requireIntact(key, TestChunks.hostSegment(chunk.lease()));
                                }
                                return true;
                            })
                            .orElse(false));
            switch (answer(isHit)) {
                case null -> tally.failed++;
                case Boolean hit when hit -> tally.hits++;
                case Boolean _ -> tally.misses++;
            }
        }
        for (ChunkKey key : TestChunks.keys(BEFORE.size() + 4).subList(BEFORE.size(), BEFORE.size() + 4)) {
            switch (answer(put(backend, key))) {
                case null -> tally.failed++;
                case PutOutcome.Declined _ -> tally.declined++;
                case PutOutcome _ -> tally.stored++;
            }
            tally.failed += answer(backend.tryInvalidate(key)) == null ? 1 : 0;
        }
        tally.failed += answer(backend.containsPrefix(BEFORE)) == null ? 1 : 0;
        tally.failed += answer(backend.confirmPrefix(BEFORE)) == null ? 1 : 0;
    }

    /** The answer; null where the storage failed. Anything else than that is not to be. */
    private static <T> @Nullable T answer(CompletableFuture<T> future) throws Exception {
        try {
            return future.get(MOST_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException) {
                return null;
            }
            throw e;
        }
    }

    private static CompletableFuture<PutOutcome> put(StorageBackend backend, ChunkKey key) {
        try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
            return backend.put(key, TestChunks.META, lease);
        }
    }

    /** Nothing that was there is lost but what was evicted, and what is stored from now on is found. */
    private static void requireHealth(String name, StorageBackend backend, long evicted) throws Exception {
        long lost =
                BEFORE.stream().filter(key -> !TestBackends.holds(backend, key)).count();
        if (lost > evicted) {
            throw new AssertionError(name + " has cost " + lost + " chunks");
        }
        ChunkKey another = TestChunks.key(100);
        TestBackends.awaitTrue(
                () -> !(TestBackends.put(backend, another, TestChunks.META) instanceof PutOutcome.Declined)
                        && TestBackends.holds(backend, another),
                () -> name + ": nothing is stored afterwards");
        if (backend.allocator().usedBytes() != 0) {
            throw new AssertionError(name + " keeps memory");
        }
    }

    /** Each kind of call alone, and all of them; all at once, since most of it is waiting. */
    private void hangAll() throws Exception {
        List<Set<Call>> kinds = new ArrayList<>();
        for (Call call : Call.values()) {
            kinds.add(Set.of(call));
        }
        kinds.add(EnumSet.allOf(Call.class));
        List<CompletableFuture<Void>> trials = new ArrayList<>();
        for (Set<Call> hanging : kinds) {
            trials.add(CompletableFuture.runAsync(() -> hang(hanging), FaultWorker::start));
        }
        for (CompletableFuture<Void> trial : trials) {
            trial.get(6 * MOST_SECONDS, TimeUnit.SECONDS);
        }
    }

    private static void start(Runnable task) {
        Thread.ofPlatform().daemon().start(task);
    }

    private void hang(Set<Call> hanging) {
        String name = hanging.size() == 1 ? hanging.iterator().next().name() : "ALL";
        try {
            long open = hangOpen(Files.createDirectories(folder.resolve("open-" + name)), hanging);
            long clear = hangClear(Files.createDirectories(folder.resolve("clear-" + name)), hanging);
            long close = hangClose(Files.createDirectories(folder.resolve("close-" + name)), hanging);
            System.out.println("case hang-" + name + " open=" + open + " clear=" + clear + " close=" + close);
        } catch (Exception e) {
            throw new AssertionError(name, e);
        }
    }

    private static long millis(String what, Runnable call) throws Exception {
        long start = System.nanoTime();
        AtomicLong end = new AtomicLong();
        try {
            CompletableFuture.runAsync(call, FaultWorker::start)
                    .whenComplete((_, _) -> end.set(System.nanoTime()))
                    .get(MOST_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError(what + " does not return", e);
        }
        return TimeUnit.NANOSECONDS.toMillis(end.get() - start);
    }

    private long hangOpen(Path root, Set<Call> hanging) throws Exception {
        long millis;
        try (Fault _ = faults.hang(root, hanging)) {
            millis = millis("open", () -> {
                try {
                    open(root, FileFormat.NATIVE).close();
                } catch (LmcacheException e) {
                    // It says that it could not start, or that it could not end.
                    return;
                }
            });
        }
        try (StorageBackend backend = open(root, FileFormat.NATIVE)) {
            requireHealthOfNew(backend);
        }
        return millis;
    }

    private static void requireHealthOfNew(StorageBackend backend) {
        TestBackends.store(backend, TestChunks.key(200));
        if (!TestBackends.holds(backend, TestChunks.key(200))) {
            throw new AssertionError("what was stored is not found");
        }
    }

    private long hangClear(Path root, Set<Call> hanging) throws Exception {
        try (StorageBackend backend = open(root, FileFormat.NATIVE)) {
            BEFORE.forEach(key -> TestBackends.store(backend, key));
            long millis;
            try (Fault _ = faults.hang(root, hanging)) {
                millis = millis("clear", () -> {
                    try {
                        backend.clear();
                    } catch (UncheckedIOException e) {
                        // It says that it was given up.
                        return;
                    }
                });
            }
            // The clear that was given up goes on, and may take what is stored meanwhile.
            TestBackends.awaitTrue(
                    () -> !(TestBackends.put(backend, TestChunks.key(200), TestChunks.META)
                                    instanceof PutOutcome.Declined)
                            && TestBackends.holds(backend, TestChunks.key(200)),
                    () -> "nothing is stored after a clear");
            return millis;
        }
    }

    private long hangClose(Path root, Set<Call> hanging) throws Exception {
        StorageBackend backend = open(root, FileFormat.NATIVE);
        BEFORE.forEach(key -> TestBackends.store(backend, key));
        List<CompletableFuture<?>> underway = new ArrayList<>();
        long millis;
        try (Fault _ = faults.hang(root, hanging)) {
            underway.add(put(backend, TestChunks.key(100)));
            underway.add(backend.confirmPrefix(BEFORE));
            underway.add(backend.tryInvalidate(BEFORE.getLast()));
            for (ChunkKey key : BEFORE.subList(0, 3)) {
                underway.add(backend.get(key, backend.allocator())
                        .thenAccept(found -> found.ifPresent(chunk -> {
                            try (chunk) {
                                TestChunks.requireIntact(key, TestChunks.hostSegment(chunk.lease()));
                            }
                        })));
            }
            millis = millis("close", () -> {
                try {
                    backend.close();
                } catch (LmcacheException e) {
                    // Memory is in use, as long as the kernel may write to it.
                    return;
                }
            });
        }
        for (CompletableFuture<?> one : underway) {
            answer(one.thenApply(_ -> true));
        }
        backend.close();
        return millis;
    }
}
