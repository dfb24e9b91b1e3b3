package io.lmcache.server;

import io.lmcache.api.spi.RateLimitedLog;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.nio.file.attribute.UserPrincipal;
import java.util.concurrent.atomic.AtomicInteger;
import jdk.net.ExtendedSocketOptions;
import org.slf4j.LoggerFactory;

/**
 * Which connections a server takes: those of its own user, by the kernel's account where there is one, and only so many.
 * Sits in the pipeline of what listens. Thread-safe.
 */
@Sharable
final class Admission extends ChannelInboundHandlerAdapter {
    /** One for each rank and scheduler of many engines. */
    static final int MAX_CONNECTIONS = 1024;

    private final RateLimitedLog refusals = new RateLimitedLog(LoggerFactory.getLogger(Admission.class)::warn);
    private final UserPrincipal user;
    private final AtomicInteger connections = new AtomicInteger();

    Admission(UserPrincipal user) {
        this.user = user;
    }

    /** A connection that was accepted. */
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) throws Exception {
        Channel connection = (Channel) message;
        if (!isOwn(connection)) {
            refuse(connection, "it is another user's");
        } else if (connections.incrementAndGet() > MAX_CONNECTIONS) {
            connections.decrementAndGet();
            refuse(connection, MAX_CONNECTIONS + " are open");
        } else {
            connection.closeFuture().addListener(_ -> connections.decrementAndGet());
            super.channelRead(context, message);
        }
    }

    private boolean isOwn(Channel connection) {
        if (!(connection instanceof NioDomainSocketChannel)) {
            return true;
        }
        var peer = connection.config().getOption(NioChannelOption.of(ExtendedSocketOptions.SO_PEERCRED));
        return peer != null && peer.user().equals(user);
    }

    private void refuse(Channel connection, String reason) {
        refusals.warn("A connection was refused: " + reason);
        // It belongs to no event loop yet.
        connection.unsafe().closeForcibly();
    }
}
