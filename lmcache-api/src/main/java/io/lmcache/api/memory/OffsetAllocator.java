package io.lmcache.api.memory;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Hands out ranges of an address space that it never touches: best fit, neighbours joined on release.
 *
 * <p>Not thread-safe; the owner of the space guards it. All offsets and sizes are multiples of {@link #ALIGNMENT}.
 */
public final class OffsetAllocator {
    /** What offsets and sizes are multiples of, in bytes: the page size, and what O_DIRECT and cuFile want. */
    public static final long ALIGNMENT = 4096;

    private record Range(long size, long offset) implements Comparable<Range> {
        @Override
        public int compareTo(Range other) {
            int bySize = Long.compare(size, other.size);
            return bySize != 0 ? bySize : Long.compare(offset, other.offset);
        }
    }

    private final long capacity;
    private final TreeMap<Long, Long> freeByOffset = new TreeMap<>();
    private final TreeSet<Range> freeBySize = new TreeSet<>();
    private long used;

    /** An empty space of so many bytes, rounded down to the alignment. */
    public OffsetAllocator(long capacity) {
        this.capacity = capacity / ALIGNMENT * ALIGNMENT;
        if (this.capacity <= 0) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "A space of " + capacity + " bytes holds not even one page of 4096");
        }
        addFree(0, this.capacity);
    }

    /** The size rounded up to the alignment. */
    public static long aligned(long size) {
        return Math.ceilDiv(size, ALIGNMENT) * ALIGNMENT;
    }

    /** The bytes of the whole space. */
    public long capacity() {
        return capacity;
    }

    /** The bytes handed out, alignment included. */
    public long used() {
        return used;
    }

    /** The longest range that {@link #allocate} can hand out now, in bytes. */
    public long largestFree() {
        return freeBySize.isEmpty() ? 0 : freeBySize.last().size();
    }

    /** The offset of a free range of at least so many bytes; empty when none is that long. */
    public OptionalLong allocate(long bytes) {
        if (bytes < 1) {
            throw new LmcacheException(ErrorCode.INVALID_ARGUMENT, "Cannot allocate " + bytes + " bytes");
        }
        if (bytes > capacity) {
            return OptionalLong.empty();
        }
        long size = aligned(bytes);
        Range fit = freeBySize.ceiling(new Range(size, 0));
        if (fit == null) {
            return OptionalLong.empty();
        }
        removeFree(fit.offset(), fit.size());
        if (fit.size() > size) {
            addFree(fit.offset() + size, fit.size() - size);
        }
        used += size;
        return OptionalLong.of(fit.offset());
    }

    /**
     * Takes back a range that {@link #allocate} handed out.
     *
     * @param offset what {@code allocate} returned
     * @param bytes what {@code allocate} was asked for
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when a part of the range is free already
     */
    public void release(long offset, long bytes) {
        long size = aligned(bytes);
        long start = offset;
        long end = offset + size;
        Map.Entry<Long, Long> before = freeByOffset.floorEntry(offset);
        Map.Entry<Long, Long> after = freeByOffset.ceilingEntry(offset);
        if (offset < 0
                || end > capacity
                || (before != null && before.getKey() + before.getValue() > offset)
                || (after != null && after.getKey() < end)) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "The range of " + size + " bytes at " + offset + " is not allocated; was it released twice?");
        }
        used -= size;
        if (before != null && before.getKey() + before.getValue() == offset) {
            start = before.getKey();
            removeFree(before.getKey(), before.getValue());
        }
        if (after != null && after.getKey() == end) {
            end += after.getValue();
            removeFree(after.getKey(), after.getValue());
        }
        addFree(start, end - start);
    }

    private void addFree(long offset, long size) {
        freeByOffset.put(offset, size);
        freeBySize.add(new Range(size, offset));
    }

    private void removeFree(long offset, long size) {
        freeByOffset.remove(offset);
        freeBySize.remove(new Range(size, offset));
    }

    @Override
    public String toString() {
        return "OffsetAllocator[" + used + " of " + capacity + " bytes]";
    }
}
