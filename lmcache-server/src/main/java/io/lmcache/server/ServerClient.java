package io.lmcache.server;

import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.core.engine.ModelStats;
import io.lmcache.server.protocol.ClearRequest;
import io.lmcache.server.protocol.HealthRequest;
import io.lmcache.server.protocol.HealthResponse;
import io.lmcache.server.protocol.KvCacheServiceGrpc;
import io.lmcache.server.protocol.KvCacheServiceGrpc.KvCacheServiceBlockingStub;
import io.lmcache.server.protocol.OpenSessionRequest;
import io.lmcache.server.protocol.SessionEvent;
import io.lmcache.server.protocol.StatsRequest;
import io.lmcache.server.protocol.StatsResponse;
import io.lmcache.server.protocol.StopRequest;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Looks at a running server of this host, and administers it. For one thread.
 *
 * <p>Every call throws {@link LmcacheException} with {@link ErrorCode#CLOSED} when no server answers.
 */
public final class ServerClient implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** A clear may have millions of files to remove. */
    private static final Duration CLEAR_PATIENCE = Duration.ofHours(1);

    private final Path socket;
    private final EventLoopGroup eventLoop =
            new MultiThreadIoEventLoopGroup(1, Thread.ofPlatform().daemon().factory(), NioIoHandler.newFactory());
    private final ManagedChannel channel;

    private ServerClient(Path socket) {
        this.socket = socket;
        this.channel = NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
                .channelType(NioDomainSocketChannel.class)
                .eventLoopGroup(eventLoop)
                // gRPC sets it; a Unix domain socket has no such option, and Netty warns.
                .withOption(ChannelOption.SO_KEEPALIVE, null)
                .usePlaintext()
                .build();
    }

    /** A client of the server on that socket; the first call connects. */
    public static ServerClient of(Path socket) {
        return new ServerClient(socket);
    }

    /** How the server is. */
    public ServerHealth health() {
        HealthResponse health = call(PATIENCE, calls -> calls.health(HealthRequest.getDefaultInstance()));
        return new ServerHealth(
                health.getState() == HealthResponse.State.SERVING,
                health.getServerVersion(),
                health.getServerPid(),
                Duration.ofSeconds(health.getUptimeSeconds()),
                health.getTiersList(),
                health.getTroublesList());
    }

    /** What the server holds and did. */
    public ServerStats stats() {
        StatsResponse stats = call(PATIENCE, calls -> calls.stats(StatsRequest.getDefaultInstance()));
        SortedMap<String, ModelStats> models = new TreeMap<>();
        for (io.lmcache.server.protocol.ModelStats model : stats.getModelsList()) {
            models.put(
                    model.getName(),
                    new ModelStats(
                            model.getLookups(),
                            model.getLookedUpTokens(),
                            model.getFoundTokens(),
                            model.getRetrieves(),
                            model.getRequestedTokens(),
                            model.getHitTokens(),
                            model.getStores(),
                            model.getStoredTokens(),
                            model.getDeclinedTokens()));
        }
        return new ServerStats(
                models,
                stats.getTiersList().stream()
                        .map(tier -> new ServerStats.Tier(
                                tier.getName(),
                                tier.getChunks(),
                                tier.getBytes(),
                                tier.getLimitBytes(),
                                new TreeMap<>(tier.getCountersMap())))
                        .toList(),
                stats.getSessions(),
                stats.getKvCaches(),
                stats.getMappedBytes(),
                stats.getPins());
    }

    /**
     * Removes all chunks from all tiers, but those pinned or being read.
     *
     * @param model whose chunks; those of all models when it is empty
     */
    public void clear(String model) {
        try (Context.CancellableContext session = Context.current().withCancellation()) {
            session.run(() -> call(CLEAR_PATIENCE, calls -> {
                Iterator<SessionEvent> events = calls.openSession(OpenSessionRequest.newBuilder()
                        .setProtocolVersion(KvCacheCalls.PROTOCOL_VERSION)
                        .setClient("lmcache clear, pid " + ProcessHandle.current().pid())
                        .build());
                return calls.clear(ClearRequest.newBuilder()
                        .setSessionId(events.next().getWelcome().getSessionId())
                        .setModel(model)
                        .build());
            }));
        }
    }

    /** Tells the server to end: it finishes what is under way. Returns at once. */
    public void stop() {
        var _ = call(PATIENCE, calls -> calls.stop(StopRequest.getDefaultInstance()));
    }

    @Override
    public String toString() {
        return "ServerClient[" + socket + "]";
    }

    private <R> R call(Duration patience, Function<KvCacheServiceBlockingStub, R> call) {
        try {
            return call.apply(KvCacheServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(patience.toMillis(), TimeUnit.MILLISECONDS));
        } catch (StatusRuntimeException e) {
            Status status = e.getStatus();
            String reason = status.getDescription() == null ? status.getCode().toString() : status.getDescription();
            throw status.getCode() == Status.Code.UNAVAILABLE
                    ? new LmcacheException(
                            ErrorCode.CLOSED,
                            "No server answers on " + socket
                                    + "; start one with 'lmcache serve', or name its socket with --socket (" + reason + ")",
                            e)
                    : new LmcacheException(ErrorCode.STORAGE, "The server on " + socket + " failed: " + reason, e);
        }
    }

    @Override
    public void close() {
        channel.shutdownNow();
        var _ = eventLoop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
}
