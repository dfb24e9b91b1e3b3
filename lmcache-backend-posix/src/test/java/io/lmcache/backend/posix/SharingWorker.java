package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.testkit.TestChunks;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * A process that works on a shared directory: at random, a number of operations and a time, then it stores chunks of its
 * own, and at a line of standard input looks for everybody's of its format. Prints a line in the middle of the first and after
 * each of the three. A wrong byte ends it with a failure.
 */
final class SharingWorker {
    /** The chunks that all workers store, read and remove at random. */
    static final int CONTESTED = 60;

    /** The chunks that each worker stores in the end. */
    static final int OWN = 50;

    /** The least that a worker does at random, however slow the machine is. */
    private static final int OPERATIONS = 500;

    /** Half of the workers use each. */
    private static final List<FileFormat> FORMATS = List.of(FileFormat.NATIVE, FileFormat.LMCACHE_0_5);

    private static final int ATTEMPTS = 3;
    private static final KeyScope LASTING = KeyScope.of("test/lasting", TestChunks.LAYOUT);

    /** What became of an operation. */
    enum Result {
        STORED,
        PRESENT,
        DECLINED,
        HIT,
        MISS,
        REMOVED,
        NOT_REMOVED,
        LOOKUP,
        FAILED
    }

    private final StorageBackend backend;
    private final Random random;
    private final Map<Result, Integer> results = new EnumMap<>(Result.class);

    private SharingWorker(StorageBackend backend, Random random) {
        this.backend = backend;
        this.random = random;
    }

    /** The arguments of {@link #main}. */
    static List<String> arguments(Path root, boolean isDirect, int worker, int workers, long seed, double seconds) {
        return List.of(
                root.toString(),
                Boolean.toString(isDirect),
                Integer.toString(worker),
                Integer.toString(workers),
                Long.toString(seed),
                Double.toString(seconds));
    }

    public static void main(String[] arguments) throws IOException {
        int worker = Integer.parseInt(arguments[2]);
        int workers = Integer.parseInt(arguments[3]);
        long nanos = (long) (Double.parseDouble(arguments[5]) * TimeUnit.SECONDS.toNanos(1));
        Random random = new Random(Long.parseLong(arguments[4]) + worker);
        String format = format(worker).name();
        try (StorageBackend backend =
                TestBackends.open(Path.of(arguments[0]), "use_direct_io", arguments[1], "file_format", format)) {
            SharingWorker self = new SharingWorker(backend, random);
            self.workAtRandom(nanos);
            System.out.println(
                    "worked " + self.results + " corrupt=" + TestBackends.count(backend, BackendCounter.CORRUPT));
            lasting(worker).forEach(self::storeForGood);
            System.out.println("stored");
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII)).readLine();
            System.out.println("sees " + self.seen(worker, workers));
        }
    }

    static FileFormat format(int worker) {
        return FORMATS.get(worker % FORMATS.size());
    }

    private static List<ChunkKey> lasting(int worker) {
        return IntStream.range(worker * OWN, (worker + 1) * OWN)
                .mapToObj(number -> TestChunks.key(LASTING, number))
                .toList();
    }

    private void workAtRandom(long nanos) {
        long end = System.nanoTime() + nanos;
        for (int done = 0; done < OPERATIONS || System.nanoTime() - end < 0; done++) {
            if (done == OPERATIONS / 2) {
                System.out.println("in the midst");
            }
            Result result;
            try {
                result = operation(TestChunks.key(random.nextInt(CONTESTED)));
            } catch (CompletionException e) {
                // The file system failed the call: storage trouble, which is a miss to an engine.
                System.err.println(e.getCause());
                result = Result.FAILED;
            }
            results.merge(result, 1, Integer::sum);
        }
    }

    private Result operation(ChunkKey key) {
        return switch (random.nextInt(10)) {
            case 0 -> backend.tryInvalidate(key).join() ? Result.REMOVED : Result.NOT_REMOVED;
            case 1 -> {
                backend.containsPrefix(List.of(key)).join();
                yield Result.LOOKUP;
            }
            case 2, 3, 4 -> put(key);
            default -> read(key);
        };
    }

    /** Again where the file system fails it: without locks across machines, a peer may take this writer for a dead one. */
    private void storeForGood(ChunkKey key) {
        for (int attempt = 1; attempt < ATTEMPTS; attempt++) {
            try {
                if (put(key) == Result.STORED) {
                    return;
                }
            } catch (CompletionException e) {
                System.err.println(e.getCause());
            }
        }
        TestBackends.store(backend, key);
    }

    private Result put(ChunkKey key) {
        try (BufferLease lease = TestChunks.lease(backend.allocator(), key, TestChunks.META)) {
            return switch (backend.put(key, TestChunks.META, lease).join()) {
                case PutOutcome.Stored _ -> Result.STORED;
                case PutOutcome.AlreadyPresent _ -> Result.PRESENT;
                case PutOutcome.Declined _ -> Result.DECLINED;
            };
        }
    }

    private Result read(ChunkKey key) {
        return backend.get(key, backend.allocator())
                .join()
                .map(chunk -> {
                    try (chunk) {
                        TestChunks.requireIntact(key, TestChunks.hostSegment(chunk.lease()));
                    }
                    return Result.HIT;
                })
                .orElse(Result.MISS);
    }

    /** The chunks of all workers of this one's format, each of which has to be there; none of the others' may be. */
    private int seen(int self, int workers) {
        int seen = 0;
        for (int worker = 0; worker < workers; worker++) {
            List<ChunkKey> keys = lasting(worker);
            boolean isVisible = format(worker) == format(self);
            seen += await(backend.containsPrefix(keys));
            for (ChunkKey key : keys) {
                if (TestBackends.holds(backend, key) != isVisible) {
                    throw new AssertionError(key + (isVisible ? " is not there" : " is another format's"));
                }
            }
        }
        return seen;
    }
}
