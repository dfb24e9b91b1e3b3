package io.lmcache.backend.posix;

import io.lmcache.chunkfiles.io.DirectIo;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.spi.FileSystemProvider;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The file system of this machine with a layer over it that counts every call, delays those for metadata, and makes calls
 * fail with the errors that the JDK makes of an errno. A call here is one system call of the JDK's there.
 *
 * <p>Thread-safe.
 */
final class InjectedFiles extends FileSystemProvider {
    /** The kinds of calls. */
    enum Call {
        STAT,
        OPEN,
        LIST,
        CREATE_DIRECTORY,
        RENAME,
        DELETE,
        SET_TIME,
        STATFS,
        /** What the JDK does to a file opened with O_DIRECT, and the only call whose errors it wraps. */
        DIRECT_SETUP,
        READ,
        WRITE,
        FSYNC,
        LOCK,
        CLOSE;

        private boolean isMetadata() {
            return switch (this) {
                case STAT, OPEN, LIST, CREATE_DIRECTORY, RENAME, DELETE, SET_TIME, STATFS -> true;
                case DIRECT_SETUP, READ, WRITE, FSYNC, LOCK, CLOSE -> false;
            };
        }
    }

    /** A call that was made, on which thread. */
    record Made(Call call, Path path, String thread) {}

    private record Failure(Call call, Predicate<Path> where, String reason, AtomicInteger times) {
        /** Whether this call is one that is to fail; counts it. */
        private boolean strikes(Call made, Path path) {
            return made == call && where.test(path) && times.getAndDecrement() > 0;
        }
    }

    private record Event(Call call, Predicate<Path> where, Runnable action, AtomicBoolean done) {
        private boolean isDue(Call made, Path path) {
            return made == call && where.test(path) && done.compareAndSet(false, true);
        }
    }

    private final FileSystemProvider real = FileSystems.getDefault().provider();
    private final FileSystem view = new InjectedFileSystem(this);
    private final Queue<Made> made = new ConcurrentLinkedQueue<>();
    private final List<Event> events = new CopyOnWriteArrayList<>();
    private final List<Failure> failures = new CopyOnWriteArrayList<>();
    private final Object hangs = new Object();
    private volatile Set<Call> hanging = Set.of();
    private volatile long metadataDelayNanos;

    /** The path as it looks through this layer. */
    Path path(Path path) {
        return new InjectedPath(view, path);
    }

    /** Lets the next so many calls of that kind fail, with the words of an errno. */
    void fail(Call call, String reason, int times) {
        fail(call, _ -> true, reason, times);
    }

    /** Lets the next so many calls of that kind on such files fail. */
    void fail(Call call, Predicate<Path> where, String reason, int times) {
        failures.add(new Failure(call, where, reason, new AtomicInteger(times)));
    }

    /** Ends all failures, and lets every call go on that hangs. */
    void heal() {
        failures.clear();
        hanging = Set.of();
        synchronized (hangs) {
            hangs.notifyAll();
        }
    }

    /** From now on calls of these kinds do not return. */
    void hang(Set<Call> calls) {
        hanging = Set.copyOf(calls);
    }

    /** Adds that time to every call for metadata, as a file system across a network does. */
    void delayMetadata(long nanos) {
        metadataDelayNanos = nanos;
    }

    /** Lets something happen once, right before the next call of that kind on such a file. */
    void beforeNext(Call call, Predicate<Path> where, Runnable event) {
        events.add(new Event(call, where, event, new AtomicBoolean()));
    }

    /** The calls since the last {@link #forget}. */
    List<Made> made() {
        return List.copyOf(made);
    }

    long count(Call call) {
        return made.stream().filter(one -> one.call() == call).count();
    }

    void forget() {
        made.clear();
    }

    /** Notes the call, and makes it slow or fail. */
    void call(Call call, Path path) throws IOException {
        note(call, path);
        for (Event event : events) {
            if (event.isDue(call, path)) {
                event.action().run();
            }
        }
        for (Failure failure : failures) {
            if (failure.strikes(call, path)) {
                throw call.isMetadata()
                        ? new FileSystemException(path.toString(), null, failure.reason())
                        : new IOException(failure.reason());
            }
        }
    }

    private void note(Call call, Path path) {
        made.add(new Made(call, path, Thread.currentThread().getName()));
        awaitHealthOf(call);
        long start = System.nanoTime();
        while (call.isMetadata() && System.nanoTime() - start < metadataDelayNanos) {
            LockSupport.parkNanos(metadataDelayNanos - (System.nanoTime() - start));
        }
    }

    /** As in a system call that hangs, an interrupt changes nothing. */
    private void awaitHealthOf(Call call) {
        boolean isInterrupted = false;
        synchronized (hangs) {
            while (hanging.contains(call)) {
                try {
                    hangs.wait();
                } catch (InterruptedException e) {
                    isInterrupted = true;
                }
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static Path real(Path path) {
        return path instanceof InjectedPath injected ? injected.real() : path;
    }

    private Path checked(Call call, Path path) throws IOException {
        call(call, real(path));
        return real(path);
    }

    @Override
    public FileChannel newFileChannel(Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
            throws IOException {
        FileChannel channel = real.newFileChannel(checked(Call.OPEN, path), options, attributes);
        if (options.contains(DirectIo.OPTION)) {
            setUpDirect(real(path), channel);
        }
        return new InjectedChannel(this, real(path), channel);
    }

    private void setUpDirect(Path path, FileChannel channel) throws IOException {
        try {
            call(Call.DIRECT_SETUP, path);
        } catch (IOException e) {
            channel.close();
            throw new UnsupportedOperationException("Error setting up DirectIO", e);
        }
    }

    @Override
    public SeekableByteChannel newByteChannel(
            Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
        return newFileChannel(path, options, attributes);
    }

    @Override
    public DirectoryStream<Path> newDirectoryStream(Path directory, DirectoryStream.Filter<? super Path> filter)
            throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = real.newDirectoryStream(checked(Call.LIST, directory), _ -> true)) {
            for (Path entry : stream) {
                if (filter.accept(path(entry))) {
                    entries.add(path(entry));
                }
            }
        }
        return new InjectedDirectory(directory, entries);
    }

    /** A list of a directory, and calls relative to it, which are calls on paths here. */
    private final class InjectedDirectory implements SecureDirectoryStream<Path> {
        private final Path directory;
        private final List<Path> entries;

        private InjectedDirectory(Path directory, List<Path> entries) {
            this.directory = directory;
            this.entries = entries;
        }

        @Override
        public Iterator<Path> iterator() {
            return entries.iterator();
        }

        @Override
        public SecureDirectoryStream<Path> newDirectoryStream(Path path, LinkOption... options) throws IOException {
            Path below = directory.resolve(path.toString());
            if (Files.isSymbolicLink(real(below))) {
                throw new FileSystemException(below.toString(), null, "Too many levels of symbolic links");
            }
            return (SecureDirectoryStream<Path>) InjectedFiles.this.newDirectoryStream(below, _ -> true);
        }

        @Override
        public <V extends FileAttributeView> @Nullable V getFileAttributeView(
                Path path, Class<V> type, LinkOption... options) {
            Path below = directory.resolve(path.toString());
            note(Call.STAT, real(below));
            return real.getFileAttributeView(real(below), type, options);
        }

        @Override
        public <V extends FileAttributeView> @Nullable V getFileAttributeView(Class<V> type) {
            return real.getFileAttributeView(real(directory), type);
        }

        @Override
        public SeekableByteChannel newByteChannel(
                Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
            return InjectedFiles.this.newByteChannel(directory.resolve(path.toString()), options, attributes);
        }

        @Override
        public void deleteFile(Path path) throws IOException {
            delete(directory.resolve(path.toString()));
        }

        @Override
        public void deleteDirectory(Path path) throws IOException {
            delete(directory.resolve(path.toString()));
        }

        @Override
        public void move(Path source, SecureDirectoryStream<Path> target, Path newName) throws IOException {
            InjectedFiles.this.move(
                    directory.resolve(source.toString()),
                    ((InjectedDirectory) target).directory.resolve(newName.toString()),
                    StandardCopyOption.ATOMIC_MOVE);
        }

        @Override
        public void close() {}
    }

    @Override
    public void createDirectory(Path directory, FileAttribute<?>... attributes) throws IOException {
        real.createDirectory(checked(Call.CREATE_DIRECTORY, directory), attributes);
    }

    @Override
    public void delete(Path path) throws IOException {
        real.delete(checked(Call.DELETE, path));
    }

    @Override
    public boolean deleteIfExists(Path path) throws IOException {
        return real.deleteIfExists(checked(Call.DELETE, path));
    }

    @Override
    public void move(Path source, Path target, CopyOption... options) throws IOException {
        real.move(checked(Call.RENAME, source), real(target), options);
    }

    @Override
    public void checkAccess(Path path, AccessMode... modes) throws IOException {
        real.checkAccess(checked(Call.STAT, path), modes);
    }

    @Override
    public boolean exists(Path path, LinkOption... options) {
        note(Call.STAT, real(path));
        return real.exists(real(path), options);
    }

    @Override
    public <A extends BasicFileAttributes> A readAttributes(Path path, Class<A> type, LinkOption... options)
            throws IOException {
        return real.readAttributes(checked(Call.STAT, path), type, options);
    }

    @Override
    public <A extends BasicFileAttributes> @Nullable A readAttributesIfExists(
            Path path, Class<A> type, LinkOption... options) throws IOException {
        return real.readAttributesIfExists(checked(Call.STAT, path), type, options);
    }

    @Override
    public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options) throws IOException {
        return real.readAttributes(checked(Call.STAT, path), attributes, options);
    }

    @Override
    public <V extends FileAttributeView> @Nullable V getFileAttributeView(
            Path path, Class<V> type, LinkOption... options) {
        note(Call.SET_TIME, real(path));
        return real.getFileAttributeView(real(path), type, options);
    }

    @Override
    public void setAttribute(Path path, String attribute, Object value, LinkOption... options) throws IOException {
        real.setAttribute(checked(Call.SET_TIME, path), attribute, value, options);
    }

    @Override
    public FileStore getFileStore(Path path) throws IOException {
        return real.getFileStore(checked(Call.STATFS, path));
    }

    @Override
    public boolean isSameFile(Path path, Path other) throws IOException {
        return real.isSameFile(checked(Call.STAT, path), real(other));
    }

    @Override
    public boolean isHidden(Path path) throws IOException {
        return real.isHidden(real(path));
    }

    @Override
    public String getScheme() {
        return "injected";
    }

    @Override
    public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
        throw new UnsupportedOperationException("made by its constructor");
    }

    @Override
    public FileSystem getFileSystem(URI uri) {
        return view;
    }

    @Override
    public Path getPath(URI uri) {
        return path(Path.of(uri));
    }

    @Override
    public void copy(Path source, Path target, CopyOption... options) throws IOException {
        real.copy(real(source), real(target), options);
    }
}
