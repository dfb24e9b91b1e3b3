package io.lmcache.backend.posix;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import org.jspecify.annotations.Nullable;

/**
 * A path as {@link InjectedFiles} shows it. Takes plain paths for arguments as well.
 *
 * @param view the file system that it belongs to
 * @param real the path without the layer
 */
record InjectedPath(FileSystem view, Path real) implements Path {
    private InjectedPath with(Path path) {
        return new InjectedPath(view, path);
    }

    private @Nullable InjectedPath withNullable(@Nullable Path path) {
        return path == null ? null : with(path);
    }

    private static Path plain(Path path) {
        return path instanceof InjectedPath injected ? injected.real : path;
    }

    @Override
    public FileSystem getFileSystem() {
        return view;
    }

    @Override
    public boolean isAbsolute() {
        return real.isAbsolute();
    }

    @Override
    public @Nullable Path getRoot() {
        return withNullable(real.getRoot());
    }

    @Override
    public @Nullable Path getFileName() {
        return withNullable(real.getFileName());
    }

    @Override
    public @Nullable Path getParent() {
        return withNullable(real.getParent());
    }

    @Override
    public int getNameCount() {
        return real.getNameCount();
    }

    @Override
    public Path getName(int index) {
        return with(real.getName(index));
    }

    @Override
    public Path subpath(int from, int to) {
        return with(real.subpath(from, to));
    }

    @Override
    public boolean startsWith(Path other) {
        return real.startsWith(plain(other));
    }

    @Override
    public boolean endsWith(Path other) {
        return real.endsWith(plain(other));
    }

    @Override
    public Path normalize() {
        return with(real.normalize());
    }

    @Override
    public Path resolve(Path other) {
        return with(real.resolve(plain(other)));
    }

    @Override
    public Path relativize(Path other) {
        return with(real.relativize(plain(other)));
    }

    @Override
    public URI toUri() {
        return real.toUri();
    }

    @Override
    public Path toAbsolutePath() {
        return with(real.toAbsolutePath());
    }

    @Override
    public Path toRealPath(LinkOption... options) throws IOException {
        return with(real.toRealPath(options));
    }

    @Override
    public File toFile() {
        return real.toFile();
    }

    @Override
    public WatchKey register(WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) {
        throw new UnsupportedOperationException("nobody watches");
    }

    @Override
    public int compareTo(Path other) {
        return real.compareTo(plain(other));
    }

    @Override
    public String toString() {
        return real.toString();
    }
}
