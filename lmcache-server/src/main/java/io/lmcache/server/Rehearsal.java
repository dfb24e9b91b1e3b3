package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.grpc.Context;
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
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * A small server and an engine that stores prompts in it, looks them up and gets them back: what a server does all day, for
 * a JVM that records it in an ahead-of-time cache ({@code -XX:AOTCacheOutput}). The next server of such a JVM has its
 * classes linked and its methods profiled from the start.
 */
public final class Rehearsal {
    private static final String ENGINE = "rehearsal";
    private static final int ROUNDS = 300;
    private static final int LAYERS = 4;
    private static final int HEADS = 2;
    private static final int HEAD_SIZE = 32;
    private static final int BLOCK_TOKENS = 16;
    private static final int TOKENS = 2048;
    private static final int BLOCKS = TOKENS / BLOCK_TOKENS;
    /** Of a block in one plane; elements have 2 bytes. */
    private static final long BLOCK_BYTES = 2L * BLOCK_TOKENS * HEADS * HEAD_SIZE;

    private static final long LAYER_BYTES = 2 * BLOCKS * BLOCK_BYTES;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final KvCacheServiceBlockingStub stub;
    private final ByteString sessionId;
    private final ByteString blocks = Packed.bytes(IntStream.range(0, BLOCKS).toArray());

    private Rehearsal(KvCacheServiceBlockingStub stub, ByteString sessionId) {
        this.stub = stub;
        this.sessionId = sessionId;
    }

    /**
     * Plays it. Takes some seconds.
     *
     * @param folder an empty one of this user's alone; what is left in it is the caller's to delete
     */
    public static void play(Path folder) throws IOException {
        LmcacheConfig config = LmcacheConfig.of(Map.of(
                "max_local_cpu_size", "64 MiB",
                "local_disk", folder.resolve("files").toString(),
                "max_local_disk_size", "64 MiB"));
        ServerOptions options = new ServerOptions(
                folder.resolve("run").resolve("s.sock"), Optional.empty(), Duration.ofSeconds(5), ENGINE);
        try (LmcacheStack stack = Lmcache.open(config);
                CacheServer _ = CacheServer.start(stack, options)) {
            EventLoopGroup eventLoop = new MultiThreadIoEventLoopGroup(
                    1, Thread.ofPlatform().daemon().factory(), NioIoHandler.newFactory());
            ManagedChannel channel = NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(options.socket()))
                    .channelType(NioDomainSocketChannel.class)
                    .withOption(ChannelOption.SO_KEEPALIVE, null)
                    .eventLoopGroup(eventLoop)
                    .usePlaintext()
                    .build();
            try {
                withSession(KvCacheServiceGrpc.newBlockingStub(channel));
            } finally {
                channel.shutdownNow();
                var _ = eventLoop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
            }
        }
    }

    private static void withSession(KvCacheServiceBlockingStub stub) throws IOException {
        Context.CancellableContext session = Context.current().withCancellation();
        Context before = session.attach();
        try {
            ByteString sessionId = stub.openSession(OpenSessionRequest.newBuilder()
                            .setProtocolVersion(1)
                            .setClient(ENGINE)
                            .build())
                    .next()
                    .getWelcome()
                    .getSessionId();
            session.detach(before);
            new Rehearsal(stub, sessionId).withMemory();
        } finally {
            session.close();
        }
    }

    private void withMemory() throws IOException {
        Path memory = Files.createTempFile(Path.of("/dev/shm"), "lmcache-rehearsal-", "");
        try {
            try (RandomAccessFile file = new RandomAccessFile(memory.toFile(), "rw")) {
                file.setLength(LAYERS * LAYER_BYTES);
            }
            long cacheId = calls().registerKvCache(registration(memory)).getKvCacheId();
            for (int round = 0; round < ROUNDS; round++) {
                serve(cacheId, round);
            }
        } finally {
            Files.delete(memory);
        }
    }

    private KvCacheServiceBlockingStub calls() {
        return stub.withDeadlineAfter(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }

    private RegisterKvCacheRequest registration(Path memory) {
        RegisterKvCacheRequest.Builder request = RegisterKvCacheRequest.newBuilder()
                .setSessionId(sessionId)
                .setEngineId(ENGINE)
                .setModel(ENGINE)
                .setWorldSize(1)
                .setDtype(Dtype.BFLOAT16)
                .setKvHeads(HEADS)
                .setHeadSize(HEAD_SIZE)
                .setBlocks(BLOCKS)
                .setBlockSize(BLOCK_TOKENS)
                .addRegions(Region.newBuilder()
                        .setSharedMemory(SharedMemory.newBuilder()
                                .setName(memory.getFileName().toString())
                                .setSize(LAYERS * LAYER_BYTES)));
        for (int layer = 0; layer < LAYERS; layer++) {
            request.addLayers(Layer.newBuilder()
                    .setOffset(layer * LAYER_BYTES)
                    .setPlaneStride(BLOCKS * BLOCK_BYTES)
                    .setBlockStride(BLOCK_BYTES)
                    .setSlotStride(2L * HEADS * HEAD_SIZE)
                    .setHeadStride(2L * HEAD_SIZE));
        }
        return request.build();
    }

    /** A new prompt, or one of the last: as engines do. */
    private void serve(long cacheId, int round) {
        ByteString tokens = Packed.bytes(
                IntStream.range(round / 2 * TOKENS, (round / 2 + 1) * TOKENS).toArray());
        String pin = "request " + round;
        int found = calls().lookupAll(LookupAllRequest.newBuilder()
                        .addLookups(LookupRequest.newBuilder()
                                .setSessionId(sessionId)
                                .setEngineId(ENGINE)
                                .setTokens(tokens)
                                .setPinId(pin))
                        .build())
                .getAnswers(0)
                .getTokens();
        if (found > 0) {
            var _ = calls().retrieve(RetrieveRequest.newBuilder()
                    .setSessionId(sessionId)
                    .setKvCacheId(cacheId)
                    .setTokens(tokens)
                    .setBlockIds(blocks)
                    .build());
        }
        var _ = calls().store(StoreRequest.newBuilder()
                .setSessionId(sessionId)
                .setKvCacheId(cacheId)
                .setTokens(tokens)
                .setBlockIds(blocks)
                .build());
        var _ = calls().releasePins(ReleasePinsRequest.newBuilder()
                .setSessionId(sessionId)
                .addPinIds(pin)
                .build());
    }
}
