package io.lmcache.backend.posix;

import io.lmcache.backend.posix.InjectedFiles.Call;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;

/** An open file of {@link InjectedFiles}. Thread-safe. */
final class InjectedChannel extends FileChannel {
    private final InjectedFiles files;
    private final Path path;
    private final FileChannel real;

    InjectedChannel(InjectedFiles files, Path path, FileChannel real) {
        this.files = files;
        this.path = path;
        this.real = real;
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
        files.call(Call.READ, path);
        return real.read(target);
    }

    @Override
    public long read(ByteBuffer[] targets, int offset, int length) throws IOException {
        files.call(Call.READ, path);
        return real.read(targets, offset, length);
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
        files.call(Call.READ, path);
        return real.read(target, position);
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
        files.call(Call.WRITE, path);
        return real.write(source);
    }

    @Override
    public long write(ByteBuffer[] sources, int offset, int length) throws IOException {
        files.call(Call.WRITE, path);
        return real.write(sources, offset, length);
    }

    @Override
    public int write(ByteBuffer source, long position) throws IOException {
        files.call(Call.WRITE, path);
        return real.write(source, position);
    }

    @Override
    public long position() throws IOException {
        return real.position();
    }

    @Override
    public FileChannel position(long position) throws IOException {
        real.position(position);
        return this;
    }

    @Override
    public long size() throws IOException {
        return real.size();
    }

    @Override
    public FileChannel truncate(long size) throws IOException {
        real.truncate(size);
        return this;
    }

    @Override
    public void force(boolean metadata) throws IOException {
        files.call(Call.FSYNC, path);
        real.force(metadata);
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) throws IOException {
        files.call(Call.READ, path);
        return real.transferTo(position, count, target);
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count) throws IOException {
        files.call(Call.WRITE, path);
        return real.transferFrom(source, position, count);
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) throws IOException {
        return real.map(mode, position, size);
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) throws IOException {
        return real.lock(position, size, shared);
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) throws IOException {
        files.call(Call.LOCK, path);
        return real.tryLock(position, size, shared);
    }

    @Override
    protected void implCloseChannel() throws IOException {
        real.close();
        files.call(Call.CLOSE, path);
    }
}
