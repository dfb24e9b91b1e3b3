package io.lmcache.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The user that this process runs as. Stateless and thread-safe. */
final class LocalUser {
    private LocalUser() {}

    /** The numeric id, as the attribute {@code unix:uid} of files has it. */
    static Object uid() {
        try {
            return Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        } catch (IOException e) {
            throw new UncheckedIOException("/proc does not tell the user of this process", e);
        }
    }
}
