package io.lmcache.cli.bench;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkHeader;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.cli.bench.Contest.Contender;
import io.lmcache.cli.bench.Contest.Medians;
import io.lmcache.cli.bench.Report.Row;
import io.lmcache.core.backend.BackendRegistry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URI;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * A store at a URL: chunks that go there and come back by its backend, which checks them, beside bare sockets and beside a client with
 * arrays, over as many connections. For one thread.
 */
public final class RemoteBench implements AutoCloseable {
    private static final List<String> SCHEMES = List.of("redis", "valkey");
    private static final String PREFIX = "lmcache-bench";
    private static final int CONNECTIONS = 2;
    /** For each connection one that is on the wire and one that follows it. */
    private static final int IN_FLIGHT = 2 * CONNECTIONS;

    private static final int LOOKED_UP = 512;
    private static final int WARM_UPS = 3;
    private static final int ROUNDS = 11;
    private static final double GIB = 1 << 30;
    private static final double MIB = 1 << 20;

    private final Scale scale;
    private final Contest contest;
    private final StorageBackend backend;
    private final BareRedis bare;

    RemoteBench(Scale scale, Contest contest, URI url) throws IOException {
        this.scale = scale;
        this.contest = contest;
        String tier = tier(url);
        this.backend = BackendRegistry.discover()
                .create(
                        tier,
                        tier,
                        BackendSettings.of(tier, settings(url)),
                        new BackendContext("bench", Clock.systemUTC()));
        this.bare = new BareRedis(url.getHost(), url.getPort() < 0 ? 6379 : url.getPort(), CONNECTIONS);
    }

    /** Whether stores at such URLs can be measured. */
    public static boolean measures(URI url) {
        return SCHEMES.contains(url.getScheme()) && url.getHost() != null;
    }

    /** The backend that serves the URL. */
    static String tier(URI url) {
        List<String> backends = BackendRegistry.discover().forScheme(url.getScheme());
        if (backends.isEmpty()) {
            throw new LmcacheException(
                    ErrorCode.UNKNOWN_BACKEND,
                    "There is no backend for " + url.getScheme() + ":// on the class path; add lmcache-backend-redis");
        }
        return backends.getFirst();
    }

    /** What the backend is set to: names of the benchmark's own, and as many connections as the others have. */
    static Map<String, String> settings(URI url) {
        return Map.of(
                "remote_url",
                url.toString(),
                "key_prefix",
                PREFIX,
                "connections",
                Integer.toString(CONNECTIONS),
                "staging_size",
                "512 MiB");
    }

    List<Row> measure() throws IOException {
        List<Row> rows = new ArrayList<>();
        backend.clear();
        for (KeyScope scope : List.of(Models.SMALL, Models.LARGE)) {
            rows.addAll(measure(scope));
            backend.clear();
        }
        rows.add(lookup());
        return rows;
    }

    private List<Row> measure(KeyScope scope) throws IOException {
        ChunkMeta meta = new ChunkMeta(scope.layout(), Models.CHUNK_TOKENS);
        List<ChunkKey> keys = keys(scope, scale.remoteChunks(meta.byteSize()));
        List<String> names = keys.stream().map(RemoteBench::name).toList();
        long valueBytes = ChunkHeader.BYTES + meta.byteSize();
        long bytes = meta.byteSize() * keys.size();
        String what = String.format("%%s: %%s %d chunks of %.1f MiB", keys.size(), meta.byteSize() / MIB);
        List<Row> rows = new ArrayList<>();
        try (BufferLease noise = noise(meta)) {
            MemorySegment payload = segment(noise);
            Medians set = hold(bytes, emptied(() -> put(keys, meta, noise)), emptied(() -> bare.set(names, payload)));
            rows.add(row(what.formatted(backend.name(), "set"), bytes, set, new Target.RatioAtLeast(0.8)));
            Medians setArrays = hold(
                    bytes, emptied(() -> bare.setByArrays(names, payload)), emptied(() -> bare.set(names, payload)));
            rows.add(row(what.formatted("byte[]", "set"), bytes, setArrays, new Target.None()));
            backend.clear();
            put(keys, meta, noise);
            Medians get = hold(
                    bytes, () -> get(keys), () -> bare.get(names, valueBytes) - (long) ChunkHeader.BYTES * keys.size());
            rows.add(row(what.formatted(backend.name(), "get"), bytes, get, new Target.RatioAtLeast(0.8)));
            Medians getArrays = hold(
                    bytes,
                    () -> bare.getByArrays(names, payload, ChunkHeader.BYTES),
                    () -> bare.get(names, valueBytes) - (long) ChunkHeader.BYTES * keys.size());
            rows.add(row(what.formatted("byte[]", "get"), bytes, getArrays, new Target.None()));
        }
        return rows;
    }

    private Medians hold(long bytes, Contender candidate, Contender ceiling) throws IOException {
        return contest.hold(
                bytes, Math.min(WARM_UPS, scale.warmUps()), Math.min(ROUNDS, scale.fileRounds()), candidate, ceiling);
    }

    private static Row row(String what, long bytes, Medians seconds, Target target) {
        return new Row(what, "GiB/s", bytes / GIB / seconds.candidate(), bytes / GIB / seconds.ceiling(), target);
    }

    /** Beside the same commands over a bare socket, written and read in one go. */
    private Row lookup() throws IOException {
        ChunkMeta meta = new ChunkMeta(Models.TINY.layout(), Models.CHUNK_TOKENS);
        List<ChunkKey> keys = keys(Models.TINY, LOOKED_UP);
        List<String> names = keys.stream().map(RemoteBench::name).toList();
        try (BufferLease noise = noise(meta)) {
            put(keys, meta, noise);
        }
        Medians seconds = contest.hold(
                LOOKED_UP,
                scale.computeRounds(),
                scale.computeRounds(),
                () -> await(backend.containsPrefix(keys)),
                () -> bare.lengths(names));
        return new Row(
                "look up " + LOOKED_UP + " chunks in " + backend.name(),
                "us",
                seconds.candidate() * 1e6,
                seconds.ceiling() * 1e6,
                new Target.None());
    }

    private static List<ChunkKey> keys(KeyScope scope, int count) {
        return IntStream.range(0, count)
                .mapToObj(number -> new ChunkKey(scope, hash(number)))
                .toList();
    }

    private static ChunkHash hash(int number) {
        byte[] bytes = new byte[32];
        new Random(number).nextBytes(bytes);
        return ChunkHash.of(bytes);
    }

    private static String name(ChunkKey key) {
        return PREFIX + ":" + key.hash().hex() + "-" + key.scope().digest();
    }

    private BufferLease noise(ChunkMeta meta) {
        BufferLease lease = backend.allocator()
                .tryAllocate(meta.byteSize())
                .orElseThrow(() -> new IllegalStateException("the backend's own memory is in use"));
        MemorySegment segment = segment(lease);
        Random random = new Random(1);
        for (long i = 0; i < segment.byteSize() / Long.BYTES; i++) {
            segment.setAtIndex(ValueLayout.JAVA_LONG, i, random.nextLong());
        }
        return lease;
    }

    private static MemorySegment segment(BufferLease lease) {
        return switch (lease.buffer()) {
            case HostBuffer(MemorySegment segment) -> segment;
            default -> throw new IllegalStateException("The backend lent " + lease.buffer());
        };
    }

    private Contender emptied(Contender writes) {
        return new Contender() {
            @Override
            public long run() throws IOException {
                return writes.run();
            }

            @Override
            public void prepare() {
                backend.clear();
            }
        };
    }

    /** What one operation of a row does. */
    @FunctionalInterface
    private interface Operation {
        /** Begins it; the answer is how many bytes it has handled. */
        CompletableFuture<Long> begin(ChunkKey key);
    }

    private long put(List<ChunkKey> keys, ChunkMeta meta, BufferLease lease) throws IOException {
        return inTurn(
                keys,
                key -> backend.put(key, meta, lease)
                        .thenApply(outcome -> outcome instanceof PutOutcome.Stored ? meta.byteSize() : 0L));
    }

    private long get(List<ChunkKey> keys) throws IOException {
        return inTurn(
                keys,
                key -> backend.get(key, backend.allocator()).thenApply(found -> {
                    long bytes = found.map(chunk -> chunk.meta().byteSize()).orElse(0L);
                    found.ifPresent(StoredChunk::close);
                    return bytes;
                }));
    }

    private static long inTurn(List<ChunkKey> keys, Operation operation) throws IOException {
        Queue<CompletableFuture<Long>> underway = new ArrayDeque<>();
        long bytes = 0;
        for (ChunkKey key : keys) {
            if (underway.size() == IN_FLIGHT) {
                bytes += await(underway.remove());
            }
            underway.add(operation.begin(key));
        }
        for (CompletableFuture<Long> operationUnderway : underway) {
            bytes += await(operationUnderway);
        }
        return bytes;
    }

    private static <T> T await(CompletableFuture<T> future) throws IOException {
        try {
            return future.orTimeout(1, TimeUnit.MINUTES).join();
        } catch (CompletionException e) {
            throw new IOException(e.getCause() == null ? e : e.getCause());
        }
    }

    @Override
    public void close() throws IOException {
        try (backend;
                bare) {
            backend.clear();
        }
    }
}
