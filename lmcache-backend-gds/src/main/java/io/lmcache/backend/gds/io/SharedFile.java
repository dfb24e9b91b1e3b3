package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.KvBuffer;
import io.lmcache.backend.gds.cufile.CufileFile;
import io.lmcache.chunkfiles.PayloadSource;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.io.OpenChunkFile;
import io.lmcache.chunkfiles.io.PayloadChannels;
import io.lmcache.chunkfiles.io.PayloadRoute;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A chunk file that is open for several reads, at the same time or one after another: its header is checked once, and it
 * is registered with libcufile once. Each user closes it; with the last one the file is closed. Thread-safe.
 */
public final class SharedFile implements PayloadSource {
    private final OpenChunkFile file;
    private final Object identity;
    private final IoPaths paths;
    private final AtomicInteger users = new AtomicInteger(1);
    private final AtomicReference<@Nullable CufileFile> registered = new AtomicReference<>();

    /**
     * Takes over the file, for one user.
     *
     * @param identity what {@link #identityOf} says of the file
     * @param paths the paths between the file and memory
     */
    SharedFile(OpenChunkFile file, Object identity, IoPaths paths) {
        this.file = file;
        this.identity = identity;
        this.paths = paths;
    }

    /** What tells the file at that path, as it is now, from every other one there may be at the path; empty without one. */
    static Optional<Object> identityOf(Path path) throws IOException {
        try {
            return Optional.ofNullable(Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                    .fileKey());
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** Whether the path still leads to this file. As long as the file is open, no other one has its identity. */
    boolean isCurrent() throws IOException {
        return identityOf(file.path()).equals(Optional.of(identity));
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public HeaderCheck.Valid header() {
        return file.header();
    }

    @Override
    public PayloadRoute open(KvBuffer memory) throws IOException {
        return paths.open(this, memory);
    }

    @Override
    public boolean hasOther(Exception failure) {
        return paths.hasOther(path(), failure);
    }

    PayloadChannels channels() {
        return file.channels();
    }

    /** The file, registered with libcufile. */
    CufileFile registered(CufileIo cufile, boolean direct) throws IOException {
        CufileFile known = registered.get();
        if (known != null) {
            return known;
        }
        CufileFile opened = cufile.open(file.path(), CufileFile.Mode.READ, direct);
        CufileFile first = registered.compareAndExchange(null, opened);
        if (first == null) {
            return opened;
        }
        opened.close();
        return first;
    }

    /** Counts a further user, unless the file is closed already. */
    boolean tryShare() {
        return users.getAndUpdate(count -> count == 0 ? 0 : count + 1) > 0;
    }

    /** Ends one use. */
    @Override
    public void close() throws IOException {
        if (users.decrementAndGet() == 0) {
            CufileFile known = registered.get();
            if (known != null) {
                known.close();
            }
            file.close();
        }
    }
}
