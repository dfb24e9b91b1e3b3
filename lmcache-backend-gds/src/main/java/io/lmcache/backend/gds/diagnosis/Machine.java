package io.lmcache.backend.gds.diagnosis;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * The files and variables by which a machine tells what its drivers can do. Immutable and thread-safe.
 *
 * @param root where its files lie, {@code /} for this machine
 * @param environment the variables of this process
 * @param kernel the version of its kernel
 */
public record Machine(Path root, Map<String, String> environment, String kernel) {
    /** Copies the map. */
    public Machine {
        environment = Map.copyOf(environment);
    }

    /** The machine as this process sees it. */
    public static Machine ofThisProcess() {
        return new Machine(Path.of("/"), System.getenv(), System.getProperty("os.version"));
    }

    /** A file of the machine; a relative name is one of this process's directory. */
    public Path file(String name) {
        return name.startsWith("/") ? root.resolve(name.substring(1)) : Path.of(name);
    }

    /** What the file says; empty when it is not there or not readable, which tells as little. */
    Optional<String> text(String name) {
        try {
            // Bytes that are no text come as replacement characters, never as an exception.
            return Optional.of(new String(Files.readAllBytes(file(name)), StandardCharsets.UTF_8));
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
