package io.lmcache.server;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.RegisterRowsRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.TreeMap;

/** Rows in shared memory of an engine that alone understands them. Thread-safe. */
final class RegisteredRows extends Registration {
    /** Keeps a row within what a layout can say of it. */
    private static final long MAX_ROW_BYTES = 999_999_999;

    private final KeyScope scope;
    private final int rows;
    private final long rowBytes;
    private final Arena arena;
    private final SharedMemoryFile file;

    private RegisteredRows(KeyScope scope, RegisterRowsRequest request) {
        this.scope = scope;
        this.rows = request.getRows();
        this.rowBytes = request.getRowBytes();
        this.arena = Arena.ofShared();
        boolean mapped = false;
        try {
            this.file = SharedMemoryFile.map(request.getSharedMemory(), arena);
            mapped = true;
        } finally {
            if (!mapped) {
                arena.close();
            }
        }
    }

    /** Checks what a client sent, then maps the memory. */
    static RegisteredRows map(RegisterRowsRequest request) {
        if (request.getModel().isEmpty()) {
            throw Refusal.badArgument("model is missing");
        }
        long bytes = request.getRowBytes();
        if (bytes < 1 || bytes > MAX_ROW_BYTES) {
            throw Refusal.badArgument(
                    "row_bytes is %s, allowed are 1 to %d", Long.toUnsignedString(bytes), MAX_ROW_BYTES);
        }
        int rows = request.getRows();
        if (rows < 1 || Long.compareUnsigned(request.getSharedMemory().getSize(), rows * bytes) < 0) {
            throw new Refusal(
                    Reason.BAD_LAYOUT,
                    Integer.toUnsignedLong(rows) + " rows of " + bytes + " bytes are not in a region of "
                            + Long.toUnsignedString(request.getSharedMemory().getSize()));
        }
        try {
            KvLayout layout = KvLayout.opaque((int) bytes);
            KeyScope scope = new KeyScope(request.getModel(), 1, 0, layout, new TreeMap<>(request.getTagsMap()));
            return new RegisteredRows(scope, request);
        } catch (LmcacheException e) {
            throw Refusal.of(e);
        }
    }

    KeyScope scope() {
        return scope;
    }

    /** Refuses rows that are not there. */
    void require(int[] rowIds) {
        for (int row : rowIds) {
            if (row < 0 || row >= rows) {
                throw Refusal.badArgument("row_ids has %d, but there are %d rows", Integer.toUnsignedLong(row), rows);
            }
        }
    }

    /** Copies a row into a buffer. Between {@link #beginUse()} and {@link #endUse()} only. */
    void read(int row, KvBuffer destination) {
        copy(row(row), segment(destination));
    }

    /** Copies a buffer into a row. Between {@link #beginUse()} and {@link #endUse()} only. */
    void write(int row, KvBuffer source) {
        copy(segment(source), row(row));
    }

    private void copy(MemorySegment from, MemorySegment to) {
        SharedMemoryFile.guarded(List.of(file), () -> to.copyFrom(from));
    }

    private MemorySegment row(int row) {
        return file.segment().asSlice(row * rowBytes, rowBytes);
    }

    private static MemorySegment segment(KvBuffer buffer) {
        return switch (buffer) {
            case HostBuffer(MemorySegment segment) -> segment;
            case DeviceBuffer _ -> throw new AssertionError("rows are in host memory, and accept no other");
        };
    }

    @Override
    long mappedBytes() {
        return file.segment().byteSize();
    }

    @Override
    void close() {
        arena.close();
        try {
            file.close();
        } catch (IOException e) {
            throw new UncheckedIOException("Shared memory of an engine was not let go", e);
        }
    }

    @Override
    public String toString() {
        return rows + " rows of " + rowBytes + " bytes of " + scope;
    }
}
