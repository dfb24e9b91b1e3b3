package io.lmcache.backend.redis;

import io.lettuce.core.protocol.CommandEncoder;
import io.lettuce.core.protocol.CommandHandler;
import io.lettuce.core.protocol.RedisCommand;
import io.lettuce.core.resource.NettyCustomizer;
import io.lmcache.api.memory.BufferLease;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPromise;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.handler.timeout.IdleState;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.handler.timeout.IdleStateHandler;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * What this backend adds to a connection of Lettuce's. Payload passes by the encoder, which would copy it: it goes to the
 * socket from the memory where it lies, which stays leased until the last byte is sent. And a connection on which nothing
 * moves although the server was asked something is closed, which ends all that waits for it.
 *
 * <p>For the thread of its connection.
 */
final class PayloadWriter extends ChannelDuplexHandler {
    /** Large enough for few system calls, small enough for the processor's cache. */
    private static final int READ_BYTES = 256 << 10;

    /** Puts one into every connection that a client makes. */
    static NettyCustomizer customizer(Duration timeout) {
        return new NettyCustomizer() {
            @Override
            public void afterBootstrapInitialized(Bootstrap bootstrap) {
                bootstrap.option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(READ_BYTES));
            }

            @Override
            public void afterChannelInitialized(Channel channel) {
                String encoder =
                        channel.pipeline().context(CommandEncoder.class).name();
                channel.pipeline().addAfter(encoder, "lmcache-payload", new PayloadWriter());
                channel.pipeline()
                        .addFirst(
                                "lmcache-idle",
                                new IdleStateHandler(true, 0, 0, timeout.toMillis() / 2, TimeUnit.MILLISECONDS));
            }
        };
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
        if (message instanceof RedisCommand<?, ?, ?> command && command.getArgs() instanceof PayloadArgs args) {
            write(args, context.pipeline().context(CommandEncoder.class), promise);
        } else {
            var _ = context.write(message, promise);
        }
    }

    /** The context of the encoder hands on what is written to it without encoding it. */
    private static void write(PayloadArgs args, ChannelHandlerContext encoder, ChannelPromise promise) {
        BufferLease lease = args.share();
        var _ = encoder.write(args.head(encoder.alloc()));
        var _ = encoder.write(PayloadArgs.payload(lease)).addListener(_ -> lease.close());
        var _ = encoder.write(args.tail(encoder.alloc()), promise);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
        if (event instanceof IdleStateEvent idle && isStill(idle) && isAwaited(context)) {
            var _ = context.close();
        } else {
            context.fireUserEventTriggered(event);
        }
    }

    /** Of a value that is being sent, the first event comes also when it moves; the second only when it does not. */
    private static boolean isStill(IdleStateEvent idle) {
        return idle.state() == IdleState.ALL_IDLE && !idle.isFirst();
    }

    private static boolean isAwaited(ChannelHandlerContext context) {
        CommandHandler commands = context.pipeline().get(CommandHandler.class);
        return commands != null && !commands.getStack().isEmpty();
    }
}
