package io.lmcache.backend.redis;

import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.CommandOutput;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Hands the bytes of a reply on while they lie in the connection's buffer, so that none of them becomes an array. For the
 * thread of the connection.
 */
final class PieceOutput extends CommandOutput<byte[], byte[], Integer> {
    /** Takes the bytes of one reply; they are not to be touched after the return. */
    @FunctionalInterface
    interface Receiver {
        void accept(ByteBuffer bytes);
    }

    private final Receiver receiver;

    PieceOutput(Receiver receiver) {
        super(ByteArrayCodec.INSTANCE, 0);
        this.receiver = receiver;
    }

    @Override
    public void set(@Nullable ByteBuffer bytes) {
        if (bytes != null) {
            output = bytes.remaining();
            receiver.accept(bytes);
        }
    }
}
