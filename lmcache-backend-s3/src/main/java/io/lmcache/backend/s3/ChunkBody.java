package io.lmcache.backend.s3;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import software.amazon.awssdk.crt.http.HttpRequestBodyStream;

/**
 * Header and payload as the client takes them: copied from where they lie into its own memory, outside of the heap.
 *
 * <p>The client calls one method at a time. Whoever made it keeps the payload in place until the request is over.
 */
final class ChunkBody implements HttpRequestBodyStream {
    private final MemorySegment header;
    private final MemorySegment payload;
    private long position;

    ChunkBody(byte[] header, MemorySegment payload) {
        this.header = MemorySegment.ofArray(header);
        this.payload = payload;
    }

    @Override
    public boolean sendRequestBody(ByteBuffer out) {
        copy(header, position, out);
        copy(payload, position - header.byteSize(), out);
        return position == getLength();
    }

    private void copy(MemorySegment source, long offset, ByteBuffer out) {
        if (offset >= 0 && offset < source.byteSize()) {
            int count = (int) Math.min(out.remaining(), source.byteSize() - offset);
            MemorySegment.ofBuffer(out).asSlice(0, count).copyFrom(source.asSlice(offset, count));
            out.position(out.position() + count);
            position += count;
        }
    }

    @Override
    public boolean resetPosition() {
        position = 0;
        return true;
    }

    @Override
    public long getLength() {
        return header.byteSize() + payload.byteSize();
    }
}
