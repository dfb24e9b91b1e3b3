package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.lmcache.server.protocol.KvCacheServiceGrpc;
import io.lmcache.server.protocol.KvCacheServiceGrpc.KvCacheServiceBlockingStub;
import io.lmcache.server.protocol.KvCacheServiceGrpc.KvCacheServiceFutureStub;
import io.lmcache.server.protocol.LookupRequest;
import io.lmcache.server.protocol.OpenSessionRequest;
import io.lmcache.server.protocol.SessionEvent;
import io.lmcache.server.protocol.StatsRequest;
import io.lmcache.server.protocol.StatsResponse;
import io.lmcache.server.protocol.Welcome;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;

/** A connection with a session. For one thread. */
final class TestClient implements AutoCloseable {
    private final EventLoopGroup eventLoop;
    private final ManagedChannel channel;
    private final KvCacheServiceBlockingStub stub;
    private final Context.CancellableContext session = Context.current().withCancellation();
    private final Iterator<SessionEvent> events;
    private final Welcome welcome;

    private TestClient(NettyChannelBuilder builder) {
        eventLoop =
                new MultiThreadIoEventLoopGroup(1, Thread.ofPlatform().daemon().factory(), NioIoHandler.newFactory());
        channel = builder.eventLoopGroup(eventLoop).usePlaintext().build();
        stub = KvCacheServiceGrpc.newBlockingStub(channel);
        events = open(1);
        welcome = events.next().getWelcome();
    }

    static TestClient connect(Path socket) {
        return new TestClient(NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
                .channelType(NioDomainSocketChannel.class)
                .withOption(ChannelOption.SO_KEEPALIVE, null));
    }

    /** Over TCP. */
    static TestClient connect(String hostAndPort, String token) {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
        return new TestClient(NettyChannelBuilder.forTarget(hostAndPort)
                .channelType(NioSocketChannel.class)
                .intercept(MetadataUtils.newAttachHeadersInterceptor(headers)));
    }

    Iterator<SessionEvent> open(int version) {
        Context before = session.attach();
        try {
            return stub.openSession(OpenSessionRequest.newBuilder()
                    .setProtocolVersion(version)
                    .setClient("test")
                    .build());
        } finally {
            session.detach(before);
        }
    }

    /** Calls that nobody waits for. */
    KvCacheServiceFutureStub startedCalls() {
        return KvCacheServiceGrpc.newFutureStub(channel);
    }

    KvCacheServiceBlockingStub calls() {
        return calls(Duration.ofSeconds(30));
    }

    KvCacheServiceBlockingStub calls(Duration limit) {
        return stub.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    Welcome welcome() {
        return welcome;
    }

    ByteString sessionId() {
        return welcome.getSessionId();
    }

    /** What the server says in the session from here on. */
    Iterator<SessionEvent> events() {
        return events;
    }

    int lookup(String engineId, int... tokens) {
        return calls().lookup(LookupRequest.newBuilder()
                        .setSessionId(sessionId())
                        .setEngineId(engineId)
                        .setTokens(Packed.bytes(tokens))
                        .build())
                .getTokens();
    }

    int pin(String engineId, String pinId, int... tokens) {
        return calls().lookup(LookupRequest.newBuilder()
                        .setSessionId(sessionId())
                        .setEngineId(engineId)
                        .setTokens(Packed.bytes(tokens))
                        .setPinId(pinId)
                        .build())
                .getTokens();
    }

    StatsResponse stats() {
        return calls().stats(StatsRequest.getDefaultInstance());
    }

    void endSession() {
        session.cancel(null);
    }

    @Override
    public void close() {
        session.cancel(null);
        channel.shutdownNow();
        var _ = eventLoop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
}
