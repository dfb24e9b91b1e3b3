package io.lmcache.bench;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.bench.Contest.Medians;
import io.lmcache.bench.PlainReads.Mode;
import io.lmcache.bench.Report.Row;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheEngine;
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
 * Reading chunks from the file tier, which checks every byte, beside plain reads of the payloads of the same files, which
 * check nothing.
 */
final class FileTierBench {
    private static final String TIER = "posix";
    private static final int THREADS = 16;
    private static final int WARM_UPS = 3;
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
        List<Row> rows = new ArrayList<>();
        for (KeyScope scope : List.of(Models.LARGE, Models.SMALL)) {
            Path root = Files.createDirectory(directory.resolve(scope.model()));
            int[] prompt = Models.prompt(1, scale.fileChunks(Models.chunkBytes(scope)) * Models.CHUNK_TOKENS);
            store(root, scope, prompt);
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

    private static void store(Path root, KeyScope scope, int[] prompt) {
        try (LmcacheEngine engine = open(root, Mode.BUFFERED);
                Arena arena = Arena.ofConfined()) {
            Map<String, Integer> stored = engine.cache(scope)
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
        try (LmcacheEngine engine = open(root, mode);
                PlainReads plain = new PlainReads(files, Models.chunkBytes(scope), THREADS, mode)) {
            KvCache cache = engine.cache(scope);
            Medians seconds = contest.hold(
                    bytes,
                    WARM_UPS,
                    scale.fileRounds(),
                    () -> scope.layout()
                            .chunkBytes(cache.retrieve(prompt, (range, source) -> {})
                                    .tokens()),
                    plain::run);
            return new Row(
                    String.format(
                            "file tier%s: retrieve %d chunks of %s MiB",
                            mode == Mode.DIRECT ? " with use_direct_io" : "",
                            files.size(),
                            Models.chunkBytes(scope) / MIB),
                    "GiB/s",
                    bytes / GIB / seconds.candidate(),
                    bytes / GIB / seconds.ceiling(),
                    new Target.RatioAtLeast(mode == Mode.DIRECT ? 0.95 : 0.85));
        }
    }

    private static LmcacheEngine open(Path root, Mode mode) {
        return LmcacheEngine.builder()
                .tier(
                        TIER,
                        Map.of(
                                "path", root.toString(),
                                "io_threads", Integer.toString(THREADS),
                                "use_direct_io", Boolean.toString(mode == Mode.DIRECT)))
                .build();
    }
}
