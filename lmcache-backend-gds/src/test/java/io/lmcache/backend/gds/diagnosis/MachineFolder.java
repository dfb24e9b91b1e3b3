package io.lmcache.backend.gds.diagnosis;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A machine whose files are written by a test. */
public final class MachineFolder {
    private final Path root;

    /** A machine without files, below that directory. */
    public MachineFolder(Path root) {
        this.root = root;
    }

    /** Adds a file to the machine. */
    public MachineFolder with(String absolutePath, String content) throws IOException {
        Path file = machine().file(absolutePath);
        Files.createDirectories(file.getParent());
        Files.writeString(file, content);
        return this;
    }

    /** The machine, without variables. */
    public Machine machine() {
        return machine(Map.of());
    }

    /** The machine, with these variables. */
    public Machine machine(Map<String, String> environment) {
        return new Machine(root, environment, "6.8.0");
    }
}
