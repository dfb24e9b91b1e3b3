package io.lmcache.server;

import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Arrays of unsigned 32-bit little-endian integers, as the protocol packs tokens and block ids. */
final class Packed {
    private Packed() {}

    static int[] ints(String field, ByteString packed) {
        if (packed.size() % Integer.BYTES != 0) {
            throw Refusal.badArgument(
                    "%s has %d bytes; it packs integers of 4 bytes, little-endian", field, packed.size());
        }
        int[] values = new int[packed.size() / Integer.BYTES];
        packed.asReadOnlyByteBuffer()
                .order(ByteOrder.LITTLE_ENDIAN)
                .asIntBuffer()
                .get(values);
        return values;
    }

    static ByteString bytes(int[] values) {
        ByteBuffer packed = ByteBuffer.allocate(values.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        packed.asIntBuffer().put(values);
        return ByteString.copyFrom(packed);
    }
}
