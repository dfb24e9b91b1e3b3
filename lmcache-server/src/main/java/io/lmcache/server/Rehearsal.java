package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.server.protocol.Dtype;
import io.lmcache.server.protocol.KvCacheServiceGrpc;
import io.lmcache.server.protocol.KvCacheServiceGrpc.KvCacheServiceBlockingStub;
import io.lmcache.server.protocol.Layer;
import io.lmcache.server.protocol.LookupAllRequest;
import io.lmcache.server.protocol.LookupRequest;
import io.lmcache.server.protocol.OpenSessionRequest;
import io.lmcache.server.protocol.Region;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import io.lmcache.server.protocol.ReleasePinsRequest;
import io.lmcache.server.protocol.RetrieveRequest;
import io.lmcache.server.protocol.SharedMemory;
import io.lmcache.server.protocol.StatsRequest;
import io.lmcache.server.protocol.StoreRequest;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * What an engine asks of a server in its first minutes: for the JDK to learn which classes and methods that takes, or to
 * see how soon a server is at its speed. Stateless.
 */
public final class Rehearsal {
    private static final int ROUNDS = 300;
    private static final int TOKENS = 2048;
    private static final int BLOCK_SIZE = 16;
    private static final int HEAD_SIZE = 16;
    private static final int ELEMENT_BYTES = 2;
    private static final long SLOT = ELEMENT_BYTES * HEAD_SIZE;
    private static final long BLOCK = BLOCK_SIZE * SLOT;
    private static final int BLOCKS = TOKENS / BLOCK_SIZE;
    private static final long PLANE = BLOCKS * BLOCK;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private Rehearsal() {}

    /**
     * How long calls took, in milliseconds.
     *
     * @param firstLookup the first lookup, of 2,048 tokens
     * @param firstStore the first store, of as many
     * @param slowestStore the slowest of the first 300
     * @param medianStore the median of these
     * @param medianLookup the median of as many lookups
     */
    public record Millis(
            double firstLookup, double firstStore, double slowestStore, double medianStore, double medianLookup) {}

    /** With a server of its own, whose files and socket lie in that directory. */
    public static void alone(Path directory) throws IOException {
        LmcacheConfig config = LmcacheConfig.of(Map.of(
                "max_local_cpu_size", "64 MiB", "gds_path", directory.resolve("cache"), "max_gds_size", "64 MiB"));
        Path socket = directory.resolve("run").resolve("server.sock");
        ServerOptions options = new ServerOptions(socket, Optional.empty(), PATIENCE, "rehearsal");
        try (LmcacheStack stack = Lmcache.open(config);
                CacheServer _ = CacheServer.start(stack, options)) {
            var _ = against(socket);
        }
    }

    /** With the server on that socket; what is stored there is of a model that nobody else has. */
    public static Millis against(Path socket) throws IOException {
        EventLoopGroup eventLoop =
                new MultiThreadIoEventLoopGroup(1, Thread.ofPlatform().daemon().factory(), NioIoHandler.newFactory());
        ManagedChannel channel = NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
                .channelType(NioDomainSocketChannel.class)
                .eventLoopGroup(eventLoop)
                .withOption(ChannelOption.SO_KEEPALIVE, null)
                .usePlaintext()
                .build();
        Path memory = Path.of("/dev/shm", "lmcache-rehearsal-" + UUID.randomUUID());
        try {
            try (RandomAccessFile file = new RandomAccessFile(memory.toFile(), "rw")) {
                file.setLength(2 * PLANE);
            }
            return new Engine(channel, memory.getFileName().toString()).run();
        } finally {
            Files.deleteIfExists(memory);
            channel.shutdownNow();
            var _ = eventLoop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        }
    }

    /** A client with one rank. */
    private static final class Engine {
        private final String id = UUID.randomUUID().toString();
        private final KvCacheServiceBlockingStub stub;
        private final ByteString session;
        private final long cache;
        private final ByteString blocks =
                Packed.bytes(IntStream.range(0, BLOCKS).toArray());

        Engine(ManagedChannel channel, String memory) {
            this.stub = KvCacheServiceGrpc.newBlockingStub(channel);
            this.session = stub.openSession(OpenSessionRequest.newBuilder()
                            .setProtocolVersion(KvCacheCalls.PROTOCOL_VERSION)
                            .setClient("rehearsal")
                            .build())
                    .next()
                    .getWelcome()
                    .getSessionId();
            this.cache = calls().registerKvCache(RegisterKvCacheRequest.newBuilder()
                            .setSessionId(session)
                            .setEngineId(id)
                            .setModel("rehearsal " + id)
                            .setWorldSize(1)
                            .setDtype(Dtype.BFLOAT16)
                            .setKvHeads(1)
                            .setHeadSize(HEAD_SIZE)
                            .setBlocks(BLOCKS)
                            .setBlockSize(BLOCK_SIZE)
                            .addRegions(Region.newBuilder()
                                    .setSharedMemory(SharedMemory.newBuilder()
                                            .setName(memory)
                                            .setSize(2 * PLANE)))
                            .addLayers(Layer.newBuilder()
                                    .setPlaneStride(PLANE)
                                    .setBlockStride(BLOCK)
                                    .setSlotStride(SLOT)
                                    .setHeadStride(SLOT))
                            .build())
                    .getKvCacheId();
        }

        private KvCacheServiceBlockingStub calls() {
            return stub.withDeadlineAfter(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        }

        Millis run() {
            double[] lookups = new double[ROUNDS];
            double[] stores = new double[ROUNDS];
            for (int round = 0; round < ROUNDS; round++) {
                int[] prompt = IntStream.range(round, round + TOKENS).toArray();
                lookups[round] = lookup(prompt);
                stores[round] = store(prompt);
                retrieve(prompt);
            }
            var _ = calls().stats(StatsRequest.getDefaultInstance());
            double firstLookup = lookups[0];
            double firstStore = stores[0];
            Arrays.sort(lookups);
            Arrays.sort(stores);
            return new Millis(firstLookup, firstStore, stores[ROUNDS - 1], stores[ROUNDS / 2], lookups[ROUNDS / 2]);
        }

        private double lookup(int... prompt) {
            LookupRequest request = LookupRequest.newBuilder()
                    .setSessionId(session)
                    .setEngineId(id)
                    .setTokens(Packed.bytes(prompt))
                    .setPinId("pin")
                    .build();
            long start = System.nanoTime();
            var _ = calls().lookup(request);
            return millisSince(start);
        }

        private double store(int... prompt) {
            StoreRequest request = StoreRequest.newBuilder()
                    .setSessionId(session)
                    .setKvCacheId(cache)
                    .setTokens(Packed.bytes(prompt))
                    .setBlockIds(blocks)
                    .setDeadline(System.nanoTime() + PATIENCE.toNanos())
                    .build();
            long start = System.nanoTime();
            var _ = calls().store(request);
            return millisSince(start);
        }

        private void retrieve(int... prompt) {
            LookupRequest lookup = LookupRequest.newBuilder()
                    .setSessionId(session)
                    .setEngineId(id)
                    .setTokens(Packed.bytes(prompt))
                    .setPinId("pin")
                    .build();
            var _ = calls().lookupAll(LookupAllRequest.newBuilder().addLookups(lookup).build());
            var _ = calls().retrieve(RetrieveRequest.newBuilder()
                    .setSessionId(session)
                    .setKvCacheId(cache)
                    .setTokens(Packed.bytes(prompt))
                    .setBlockIds(blocks)
                    .setEndToken(prompt.length - 1)
                    .setDeadline(System.nanoTime() + PATIENCE.toNanos())
                    .build());
            var _ = calls().releasePins(ReleasePinsRequest.newBuilder()
                    .setSessionId(session)
                    .addPinIds("pin")
                    .build());
        }

        private static double millisSince(long start) {
            return (System.nanoTime() - start) / 1e6;
        }
    }
}
