package io.lmcache.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The standard output of this process, which remembers that it could not be written: a {@link PrintWriter} keeps that to
 * itself, and a script would take half a table for a whole one. Used by one thread.
 */
final class StandardOutput extends OutputStream {
    private final OutputStream file = new FileOutputStream(FileDescriptor.out);
    private @Nullable IOException failure;

    /** A writer to it, in the characters of the terminal. */
    PrintWriter writer() {
        return new PrintWriter(this, true, Charset.forName(System.getProperty("stdout.encoding", "UTF-8")));
    }

    @Override
    public void write(int octet) throws IOException {
        write(new byte[] {(byte) octet}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        try {
            file.write(bytes, offset, length);
        } catch (IOException e) {
            failure = failure == null ? e : failure;
            throw e;
        }
    }

    /** Why something that was to be printed is missing; empty when it is not. */
    Optional<IOException> failure() {
        return Optional.ofNullable(failure);
    }
}
