package io.lmcache.backend.redis;

import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.protocol.CommandArgs;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * The arguments of the {@code SET} that stores a chunk if there is none: name, header and payload as the value, {@code NX}, and
 * the time to live if there is one.
 *
 * <p>{@link PayloadWriter} sends the payload from the memory where it lies. The lease is the caller's, who keeps it until the
 * command has ended; whoever sends shares it for as long as that takes.
 */
final class PayloadArgs extends CommandArgs<byte[], byte[]> {
    private static final byte[] CRLF = {'\r', '\n'};

    private final byte[] name;
    private final byte[] header;
    private final BufferLease lease;
    private final Duration ttl;

    PayloadArgs(byte[] name, byte[] header, BufferLease lease, Duration ttl) {
        super(ByteArrayCodec.INSTANCE);
        this.name = name;
        this.header = header;
        this.lease = lease;
        this.ttl = ttl;
    }

    /** A lease of its own for whoever sends. */
    BufferLease share() {
        return lease.share();
    }

    @Override
    public int count() {
        return ttl.isZero() ? 3 : 5;
    }

    /** Everything before the payload, from the beginning of the command. */
    ByteBuf head(ByteBufAllocator allocator) {
        long valueBytes = header.length + lease.buffer().byteSize();
        byte[] start =
                ("*" + (1 + count()) + "\r\n$3\r\nSET\r\n$" + name.length + "\r\n").getBytes(StandardCharsets.US_ASCII);
        byte[] valueStart = ("$" + valueBytes + "\r\n").getBytes(StandardCharsets.US_ASCII);
        return allocator
                .directBuffer(start.length + name.length + CRLF.length + valueStart.length + header.length)
                .writeBytes(start)
                .writeBytes(name)
                .writeBytes(CRLF)
                .writeBytes(valueStart)
                .writeBytes(header);
    }

    /** The payload where it lies. */
    static ByteBuf payload(BufferLease shared) {
        if (shared.buffer() instanceof HostBuffer(MemorySegment segment)) {
            return Unpooled.wrappedBuffer(segment.asByteBuffer());
        }
        throw new IllegalStateException("a put of device memory was not declined");
    }

    /** Everything behind the payload. */
    ByteBuf tail(ByteBufAllocator allocator) {
        return allocator.directBuffer(64).writeBytes(tail());
    }

    private byte[] tail() {
        String millis = Long.toString(ttl.toMillis());
        String expiry = ttl.isZero() ? "" : "$2\r\nPX\r\n$" + millis.length() + "\r\n" + millis + "\r\n";
        return ("\r\n$2\r\nNX\r\n" + expiry).getBytes(StandardCharsets.US_ASCII);
    }

    /** Never called: {@link PayloadWriter} is in every pipeline. */
    @Override
    public void encode(ByteBuf out) {
        throw new IllegalStateException("a payload is sent by " + PayloadWriter.class.getName());
    }

    /** No bytes of the payload. */
    @Override
    public String toString() {
        return "SET of " + lease.buffer().byteSize() + " bytes";
    }
}
