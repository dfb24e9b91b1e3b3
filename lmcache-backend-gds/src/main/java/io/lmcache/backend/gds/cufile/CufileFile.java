package io.lmcache.backend.gds.cufile;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.posix.OpenFlag;
import io.lmcache.api.posix.PosixFile;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A file that is open and registered with libcufile. Thread-safe: several threads read or write different parts at a
 * time. Reading and writing need the device's context current on the thread.
 */
public final class CufileFile implements Closeable {
    /** What a file is opened for. */
    public enum Mode {
        /** To be read. */
        READ(OpenFlag.READ_ONLY),
        /** To be written; libcufile also reads, where the end of a write is not aligned. */
        WRITE(OpenFlag.READ_WRITE);

        private final OpenFlag access;

        Mode(OpenFlag access) {
            this.access = access;
        }
    }

    private final CufileLibrary library;
    private final String name;
    private final PosixFile file;
    private final long handle;
    private final AtomicBoolean closed = new AtomicBoolean();

    private CufileFile(CufileLibrary library, String name, PosixFile file, long handle) {
        this.library = library;
        this.name = name;
        this.file = file;
        this.handle = handle;
    }

    static CufileFile open(CufileLibrary library, Path file, Mode mode, boolean direct) throws IOException {
        PosixFile opened = open(file, mode, direct);
        try {
            long handle = library.registerHandle(opened.descriptor(), file.toString());
            return new CufileFile(library, file.toString(), opened, handle);
        } catch (CufileException e) {
            try (opened) {
                throw e;
            }
        }
    }

    /**
     * A chunk file is a plain file: a link or a pipe of its name was put there by someone else. So it is found first, and
     * opened by what was found. Not at once, with NO_FOLLOW: libcufile refuses to register such a descriptor, with code 5019.
     */
    private static PosixFile open(Path file, Mode mode, boolean direct) throws IOException {
        try (PosixFile found = PosixFile.open(file, OpenFlag.PATH_ONLY, OpenFlag.NO_FOLLOW)) {
            if (!found.status().isRegularFile()) {
                throw new FileSystemException(file.toString(), null, "is no plain file");
            }
            return direct
                    ? PosixFile.open(found.again(), mode.access, OpenFlag.DIRECT)
                    : PosixFile.open(found.again(), mode.access);
        }
    }

    /** Fills a region of a registered buffer with the bytes of the file that start at the offset. */
    public void read(RegisteredBuffer registration, DeviceBuffer target, long fileOffset) throws IOException {
        long done = 0;
        while (done < target.byteSize()) {
            long count = library.read(
                    handle,
                    name,
                    registration.base(),
                    target.byteSize() - done,
                    fileOffset + done,
                    registration.offsetOf(target) + done);
            if (count == 0) {
                throw new EOFException(
                        name + " ends at " + (fileOffset + done) + ", before " + (fileOffset + target.byteSize()));
            }
            done += count;
        }
    }

    /** Writes a region of a registered buffer into the file, from the offset on. */
    public void write(RegisteredBuffer registration, DeviceBuffer source, long fileOffset) throws IOException {
        long done = 0;
        while (done < source.byteSize()) {
            long count = library.write(
                    handle,
                    name,
                    registration.base(),
                    source.byteSize() - done,
                    fileOffset + done,
                    registration.offsetOf(source) + done);
            if (count == 0) {
                throw new IOException("cuFileWrite wrote nothing at " + (fileOffset + done) + " of " + name);
            }
            done += count;
        }
    }

    /** Deregisters and closes the file. Idempotent; no read or write may be under way. */
    @Override
    public void close() throws IOException {
        if (closed.compareAndSet(false, true)) {
            try (file) {
                library.deregisterHandle(handle);
            }
        }
    }
}
