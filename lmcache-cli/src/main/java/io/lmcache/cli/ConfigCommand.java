package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.core.config.ConfigOption;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.LmcacheConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code lmcache config}. */
@Command(
        name = "config",
        description = "Prints the effective configuration and where each value came from.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ConfigCommand implements Callable<Integer> {
    @Option(names = "--explain", description = "Print what each setting means, too.")
    private boolean explain;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        LmcacheConfig config = LmcacheConfig.load();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(entries(config)));
        } else {
            print(config, out);
        }
        PrintWriter err = spec.commandLine().getErr();
        config.warnings().forEach(warning -> err.println("lmcache: " + warning));
        return 0;
    }

    private void print(LmcacheConfig config, PrintWriter out) {
        for (ConfigOption<?> option : ConfigOptions.all()) {
            printValue(option.name(), config.text(option), config.origin(option), out);
            if (explain) {
                printDocumentation(option, out);
            }
        }
        forEachPluginSetting(config, (name, value, origin) -> printValue(name, value, origin, out));
    }

    private static void printValue(String name, String value, Object origin, PrintWriter out) {
        out.printf("%-40s # %s%n", name + ": " + value, origin);
    }

    private static void printDocumentation(ConfigOption<?> option, PrintWriter out) {
        out.println("    " + option.documentation());
        out.println("    Allowed: " + option.allowed() + ". Default: "
                + (option.defaultText().isEmpty() ? "none" : option.defaultText()) + ".");
        String names = String.join(", ", option.aliases());
        out.println("    Environment: " + option.environmentVariable() + "."
                + (names.isEmpty() ? "" : " Also called: " + names + "."));
        out.println();
    }

    private List<Map<String, Object>> entries(LmcacheConfig config) {
        List<Map<String, Object>> entries = new ArrayList<>();
        for (ConfigOption<?> option : ConfigOptions.all()) {
            Map<String, Object> entry = entry(option.name(), config.text(option), config.origin(option));
            if (explain) {
                addDocumentation(option, entry);
            }
            entries.add(entry);
        }
        forEachPluginSetting(config, (name, value, origin) -> entries.add(entry(name, value, origin)));
        return entries;
    }

    private static Map<String, Object> entry(String name, String value, Object origin) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("name", name);
        entry.put("value", value);
        entry.put("origin", origin.toString());
        return entry;
    }

    private static void addDocumentation(ConfigOption<?> option, Map<String, Object> entry) {
        entry.put("type", option.type());
        entry.put("allowed", option.allowed());
        entry.put("default", option.defaultText());
        entry.put("environmentVariable", option.environmentVariable());
        entry.put("aliases", option.aliases());
        entry.put("documentation", option.documentation());
    }

    private static void forEachPluginSetting(LmcacheConfig config, SettingConsumer action) {
        for (String plugin : config.value(ConfigOptions.STORAGE_PLUGINS)) {
            config.pluginSettings(plugin)
                    .forEach((setting, value) ->
                            action.accept(plugin + "." + setting, value, config.pluginOrigin(plugin, setting)));
        }
    }

    /** Takes a setting, its value and the origin of that. */
    @FunctionalInterface
    private interface SettingConsumer {
        void accept(String name, String value, Object origin);
    }
}
