package io.lmcache.core.config;

import java.nio.file.Path;

/** Where the value of a setting came from; prints as the words for it. Immutable and thread-safe. */
public sealed interface ConfigOrigin {
    /** Nobody set it. */
    record Default() implements ConfigOrigin {
        @Override
        public String toString() {
            return "default";
        }
    }

    /**
     * The configuration file.
     *
     * @param path the file, as it was named
     */
    record File(Path path) implements ConfigOrigin {
        @Override
        public String toString() {
            return "file " + path;
        }
    }

    /**
     * An environment variable.
     *
     * @param variable its name
     */
    record Environment(String variable) implements ConfigOrigin {
        @Override
        public String toString() {
            return "environment variable " + variable;
        }
    }

    /** The arguments of a command. */
    record CommandLine() implements ConfigOrigin {
        @Override
        public String toString() {
            return "command line";
        }
    }

    /** The embedding program. */
    record Code() implements ConfigOrigin {
        @Override
        public String toString() {
            return "code";
        }
    }
}
