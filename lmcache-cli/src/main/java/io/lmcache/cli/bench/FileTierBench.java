package io.lmcache.cli.bench;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.cli.bench.Contest.Medians;
import io.lmcache.cli.bench.PlainReads.Mode;
import io.lmcache.cli.bench.Report.Row;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Reading chunks from the file tier, which checks every byte, beside plain reads of the payloads of the same files.
 */
final class FileTierBench {
    private static final String TIER = "posix";
    private static final int THREADS = 16;
    private static final int WARM_UP_CHUNKS = 64;
    private static final KvSink NOTHING = (range, source) -> {};
    private static final double MIB = 1 << 20;
    private static final double GIB = 1 << 30;

    private final Scale scale;
    private final Contest contest;
    private final Path directory;

    FileTierBench(Scale scale, Contest contest, Path directory) {
        this.scale = scale;
        this.contest = contest;
        this.directory = directory;
    }

    List<Row> measure() throws IOException {
        compile();
        List<Row> rows = new ArrayList<>();
        for (KeyScope scope : List.of(Models.LARGE, Models.SMALL)) {
            int[] prompt = Models.prompt(1, scale.fileChunks(Models.chunkBytes(scope)) * Models.CHUNK_TOKENS);
            Path root = store(scope, prompt);
            List<Path> files = chunkFiles(root, Models.chunkBytes(scope));
            writeBack(files);
            for (Mode mode : Mode.values()) {
                if (mode.isTakenBy(files.getFirst())) {
                    rows.add(row(root, scope, prompt, files, mode));
                }
            }
        }
        return rows;
    }

    /** Reads many small chunks: the JIT compiler goes by the number of calls, and large chunks take few. */
    private void compile() throws IOException {
        int[] prompt = Models.prompt(1, WARM_UP_CHUNKS * Models.CHUNK_TOKENS);
        Path root = store(Models.TINY, prompt);
        for (boolean isDirect : new boolean[] {false, true}) {
            try (LmcacheStack stack = open(root, isDirect)) {
                KvCache cache = stack.cache(Models.TINY);
                for (int round = 0; round < scale.computeRounds(); round++) {
                    cache.retrieve(prompt, NOTHING);
                }
            }
        }
    }

    private Path store(KeyScope scope, int[] prompt) throws IOException {
        Path root = Files.createDirectory(directory.resolve(scope.model()));
        try (LmcacheStack stack = open(root, false);
                Arena arena = Arena.ofConfined()) {
            Map<String, Integer> stored = stack.cache(scope)
                    .store(prompt, noise(scope, arena))
                    .published()
                    .join();
            if (stored.getOrDefault(TIER, 0) != prompt.length) {
                throw new LmcacheException(
                        ErrorCode.STORAGE,
                        "Of " + prompt.length + " tokens only " + stored + " were stored below " + root
                                + "; make room there, or name another directory with --dir");
            }
        }
        return root;
    }

    /** For every chunk the same bytes, which no storage takes for empty. */
    private static KvSource noise(KeyScope scope, Arena arena) {
        MemorySegment noise = arena.allocate(Models.chunkBytes(scope), Long.BYTES);
        Random random = new Random(1);
        for (long i = 0; i < noise.byteSize() / Long.BYTES; i++) {
            noise.setAtIndex(ValueLayout.JAVA_LONG, i, random.nextLong());
        }
        HostKvTensor chunk = new HostKvTensor(scope.layout(), noise, Models.CHUNK_TOKENS);
        return (range, destination) -> chunk.fill(new TokenRange(0, range.length()), destination);
    }

    /** The tier keeps files of its own beside them, which are small. */
    private static List<Path> chunkFiles(Path root, long chunkBytes) throws IOException {
        try (Stream<Path> paths = Files.walk(root)) {
            return paths.filter(
                            path -> Files.isRegularFile(path) && path.toFile().length() > chunkBytes)
                    .toList();
        }
    }

    /** Leaves nothing for the kernel to write while others read. */
    private static void writeBack(List<Path> files) throws IOException {
        for (Path file : files) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
    }

    private Row row(Path root, KeyScope scope, int[] prompt, List<Path> files, Mode mode) throws IOException {
        long bytes = scope.layout().chunkBytes(prompt.length);
        try (LmcacheStack stack = open(root, mode == Mode.DIRECT);
                PlainReads plain = new PlainReads(files, Models.chunkBytes(scope), THREADS, mode)) {
            KvCache cache = stack.cache(scope);
            Medians seconds = contest.hold(
                    bytes,
                    scale.warmUps(),
                    scale.fileRounds(),
                    () -> scope.layout()
                            .chunkBytes(cache.retrieve(prompt, NOTHING).tokens()),
                    plain::run);
            return new Row(
                    String.format(name(mode), files.size(), Models.chunkBytes(scope) / MIB),
                    "GiB/s",
                    bytes / GIB / seconds.candidate(),
                    bytes / GIB / seconds.ceiling(),
                    target(mode));
        }
    }

    private static String name(Mode mode) {
        return switch (mode) {
            case BUFFERED -> "file tier: retrieve %d chunks of %.1f MiB";
            case CHECKED -> "file tier: %d of %.1f MiB, beside reads that check";
            case DIRECT -> "file tier with use_direct_io: retrieve %d chunks of %.1f MiB";
        };
    }

    private static Target target(Mode mode) {
        return switch (mode) {
            case BUFFERED -> new Target.RatioAtLeast(0.85);
            case CHECKED -> new Target.None();
            case DIRECT -> new Target.RatioAtLeast(0.95);
        };
    }

    private static LmcacheStack open(Path root, boolean isDirect) {
        return LmcacheStack.builder()
                .tier(
                        TIER,
                        Map.of(
                                "gds_path", root,
                                "disk_io_threads", THREADS,
                                "use_direct_io", isDirect))
                .build();
    }
}
