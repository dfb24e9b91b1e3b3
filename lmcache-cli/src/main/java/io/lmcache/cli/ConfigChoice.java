package io.lmcache.cli;

import io.lmcache.core.config.ConfigLoader;
import io.lmcache.core.config.ConfigOrigin;
import io.lmcache.core.config.LmcacheConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options of every command that reads a configuration, and what they make of the environment's. */
final class ConfigChoice {
    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "The configuration file, in place of the one named by LMCACHE_CONFIG_FILE. The environment"
                    + " variables LMCACHE_* are laid over it as ever.")
    private @Nullable String file;

    @Option(
            names = "--set",
            paramLabel = "NAME=VALUE",
            description = "A setting, over those of the environment and the file; a dot goes into the map of a tier:"
                    + " --set nfs.gds_path=/mnt/nfs. May be repeated.")
    private List<String> settings = List.of();

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec command;

    /** Whether there is a configuration, by these options or by the environment. */
    boolean isConfigured() {
        return file != null || !settings.isEmpty() || ConfigLoader.isConfigured(System.getenv());
    }

    /** The configuration. */
    LmcacheConfig load() {
        return load(Map.of());
    }

    /** The configuration, with other arguments of the command as settings above all. */
    LmcacheConfig load(Map<String, ?> arguments) {
        Map<String, String> environment = new HashMap<>(System.getenv());
        if (file != null) {
            environment.put("LMCACHE_CONFIG_FILE", file);
        }
        Map<String, Object> all = new LinkedHashMap<>();
        settings.forEach(setting -> add(setting, all));
        all.putAll(arguments);
        return ConfigLoader.load(environment, all, new ConfigOrigin.CommandLine());
    }

    private void add(String setting, Map<String, Object> all) {
        int equals = setting.indexOf('=');
        if (equals < 1) {
            throw new ParameterException(
                    command.commandLine(),
                    "--set takes NAME=VALUE, such as --set chunk_size=512, not '" + setting + "'");
        }
        all.put(setting.substring(0, equals).strip(), setting.substring(equals + 1));
    }

    /** The arguments by which another process gets the same configuration. */
    List<String> arguments() {
        List<String> arguments = new ArrayList<>();
        if (file != null) {
            arguments.add("--config=" + file);
        }
        settings.forEach(setting -> arguments.add("--set=" + setting));
        return arguments;
    }
}
