package io.lmcache.chunkfiles.directory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * The page of memory with the account of a root, and one writer's place in it.
 *
 * <pre>
 *   offset  bytes  content
 *        0      8  1 once a scan has found out what is stored
 *        8      8  bytes stored, by the last scan and what was published and removed since
 *       16      8  bytes ever published
 *       64     64  for each writer: the number of its owner, 8 bytes, 0 when it is free;
 *                  the bytes that it has reserved, 8 bytes
 * </pre>
 *
 * <p>Thread-safe and without locks. Where the file of a shared page was cut, or its drive fails, each method may throw an
 * {@link InternalError}. Whoever uses it sees to it that nobody is at it when it is closed.
 */
final class AccountPage {
    private static final long BYTES = 4096;
    private static final long MEASURED = 0;
    private static final long STORED = 8;
    private static final long PUBLISHED = 16;
    private static final long WRITERS = 64;
    private static final long WRITER_BYTES = 64;
    private static final long RESERVED = 8;
    private static final VarHandle NUMBER = ValueLayout.JAVA_LONG.varHandle();

    private final MemorySegment page;
    // Where this writer's share lies; beyond the page's writers when there are too many.
    private final MemorySegment own;
    private final Optional<Arena> mapping;

    private AccountPage(MemorySegment page, long owner, Optional<Arena> mapping) {
        this.page = page;
        this.own = claim(page, owner);
        this.mapping = mapping;
    }

    /** The page of a writer that counts for itself. */
    static AccountPage ofOne(long owner) {
        return new AccountPage(Arena.ofAuto().allocate(BYTES, Long.BYTES), owner, Optional.empty());
    }

    /** The page that all share who name that file. */
    static AccountPage shared(Path control, Path file, long owner) throws IOException {
        Arena mapping = Arena.ofShared();
        boolean opened = false;
        try {
            AccountPage page = new AccountPage(map(control, file, mapping), owner, Optional.of(mapping));
            opened = true;
            return page;
        } finally {
            if (!opened) {
                mapping.close();
            }
        }
    }

    private static MemorySegment map(Path control, Path file, Arena mapping) throws IOException {
        try (FileChannel channel =
                PlainFiles.openOwn(control, file, Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE))) {
            // The last byte is nobody's. Writing it makes sure of the page: memory without space on the disk is an
            // error.
            channel.write(ByteBuffer.allocate(1), BYTES - 1);
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, BYTES, mapping);
        }
    }

    /** What such a file says, which others may be changing; empty when it is too short. */
    static Optional<RootAccount> read(FileChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(BYTES));
        while (bytes.hasRemaining() && channel.read(bytes, bytes.position()) > 0) {
            // Until it is read or ends early.
        }
        return bytes.hasRemaining() ? Optional.empty() : Optional.of(read(MemorySegment.ofArray(bytes.array())));
    }

    private static RootAccount read(MemorySegment page) {
        long writers = 0;
        long reserved = 0;
        for (long offset = WRITERS; offset + WRITER_BYTES < BYTES; offset += WRITER_BYTES) {
            if (page.get(ValueLayout.JAVA_LONG_UNALIGNED, offset) != 0) {
                writers++;
                reserved += page.get(ValueLayout.JAVA_LONG_UNALIGNED, offset + RESERVED);
            }
        }
        return new RootAccount(
                page.get(ValueLayout.JAVA_LONG_UNALIGNED, MEASURED) != 0,
                Math.max(0, page.get(ValueLayout.JAVA_LONG_UNALIGNED, STORED)),
                Math.max(0, reserved),
                writers);
    }

    private static MemorySegment claim(MemorySegment page, long owner) {
        for (long offset = WRITERS; offset + WRITER_BYTES < BYTES; offset += WRITER_BYTES) {
            if (NUMBER.compareAndSet(page, offset, 0L, owner)) {
                NUMBER.setVolatile(page, offset + RESERVED, 0L);
                return page.asSlice(offset, WRITER_BYTES);
            }
        }
        return Arena.ofAuto().allocate(WRITER_BYTES, Long.BYTES);
    }

    /** Whether other writers may count here, too. */
    boolean isShared() {
        return mapping.isPresent();
    }

    /** Whether a scan has found out what is stored. */
    boolean isMeasured() {
        return (long) NUMBER.getVolatile(page, MEASURED) != 0;
    }

    /** Whether there are others who keep the account. */
    boolean hasOthers() {
        long others = 0;
        for (long offset = WRITERS; offset + WRITER_BYTES < BYTES; offset += WRITER_BYTES) {
            boolean isTaken = (long) NUMBER.getVolatile(page, offset) != 0;
            others += isTaken && page.address() + offset != own.address() ? 1 : 0;
        }
        return others > 0;
    }

    /** The bytes stored and reserved, by everybody. */
    long used() {
        long reserved = 0;
        boolean isOwnCounted = false;
        for (long offset = WRITERS; offset + WRITER_BYTES < BYTES; offset += WRITER_BYTES) {
            if ((long) NUMBER.getVolatile(page, offset) != 0) {
                reserved += (long) NUMBER.getVolatile(page, offset + RESERVED);
                isOwnCounted |= page.address() + offset == own.address();
            }
        }
        long ownReserved = isOwnCounted ? 0 : (long) NUMBER.getVolatile(own, RESERVED);
        return Math.max(0, stored()) + Math.max(0, reserved + ownReserved);
    }

    private long stored() {
        return (long) NUMBER.getVolatile(page, STORED);
    }

    /** Reserves so many bytes, or, when negative, gives them back. */
    void reserve(long bytes) {
        NUMBER.getAndAdd(own, RESERVED, bytes);
    }

    /** Turns a reservation into stored bytes. */
    void publish(long bytes) {
        // In this order a scan that ends meanwhile counts the bytes twice rather than not at all.
        NUMBER.getAndAdd(page, PUBLISHED, bytes);
        NUMBER.getAndAdd(page, STORED, bytes);
        reserve(-bytes);
    }

    void remove(long bytes) {
        NUMBER.getAndAdd(page, STORED, -bytes);
    }

    /** The bytes ever published; what a scan has to be told when it ends. */
    long published() {
        return (long) NUMBER.getVolatile(page, PUBLISHED);
    }

    /**
     * Takes over what a scan found. What was published meanwhile may be in it or not, and is added.
     *
     * @param publishedBefore what {@link #published} was when the scan began
     * @param isComplete whether the scan saw everything; else the count does not become less
     */
    void endScan(long found, long publishedBefore, boolean isComplete) {
        long before;
        long after;
        do {
            before = stored();
            after = found + published() - publishedBefore;
            if (!isComplete) {
                after = Math.max(before, after);
            }
        } while (!NUMBER.compareAndSet(page, STORED, before, after));
        NUMBER.setVolatile(page, MEASURED, 1L);
    }

    /** The numbers of the writers that keep the account. */
    Set<Long> owners() {
        Set<Long> owners = new HashSet<>();
        for (long offset = WRITERS; offset + WRITER_BYTES < BYTES; offset += WRITER_BYTES) {
            long owner = (long) NUMBER.getVolatile(page, offset);
            if (owner != 0) {
                owners.add(owner);
            }
        }
        return owners;
    }

    /** Frees what a writer had reserved that is dead. */
    void clear(long owner) {
        for (long offset = WRITERS; offset + WRITER_BYTES < BYTES; offset += WRITER_BYTES) {
            NUMBER.compareAndSet(page, offset, owner, 0L);
        }
    }

    /**
     * Leaves the page to the others. Nobody may use it from here on.
     *
     * @return whether it was shared, and there are no others
     */
    boolean close() {
        NUMBER.setVolatile(own, RESERVED, 0L);
        NUMBER.setVolatile(own, 0, 0L);
        boolean isLast = mapping.isPresent() && !hasOthers();
        unmap();
        return isLast;
    }

    /** Lets go of the memory without a look at it. */
    void unmap() {
        mapping.ifPresent(Arena::close);
    }
}
