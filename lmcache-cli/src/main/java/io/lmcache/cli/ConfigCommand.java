package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.api.option.Option;
import io.lmcache.core.config.LmcacheConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code lmcache config}. */
@Command(
        name = "config",
        description = "Prints the effective configuration and where each value came from.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ConfigCommand implements Callable<Integer> {
    @Mixin
    private final ConfigChoice choice = new ConfigChoice();

    @CommandLine.Option(names = "--explain", description = "Print what each setting means, too.")
    private boolean explain;

    @CommandLine.Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        LmcacheConfig config = choice.load();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(entries(config)));
        } else {
            print(config, out);
        }
        return 0;
    }

    private void print(LmcacheConfig config, PrintWriter out) {
        for (ShownSetting setting : ShownSetting.all(config)) {
            out.printf("%-40s # %s%n", setting.name() + ": " + setting.value(), setting.origin());
            if (explain) {
                setting.option().ifPresent(option -> printDocumentation(option, setting, out));
            }
        }
    }

    private static void printDocumentation(Option<?> option, ShownSetting setting, PrintWriter out) {
        out.println("    " + option.documentation());
        out.println("    Allowed: " + option.allowed() + ". Default: "
                + (option.defaultText().isEmpty() ? "none" : option.defaultText()) + ".");
        String names = String.join(", ", option.aliases());
        out.println("    For: " + String.join(", ", setting.users()) + "."
                + setting.environmentVariable()
                        .map(variable -> " Environment: " + variable + ".")
                        .orElse("")
                + (names.isEmpty() ? "" : " Also called: " + names + "."));
        out.println();
    }

    private List<Map<String, Object>> entries(LmcacheConfig config) {
        List<Map<String, Object>> entries = new ArrayList<>();
        for (ShownSetting setting : ShownSetting.all(config)) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", setting.name());
            entry.put("value", setting.value());
            entry.put("origin", setting.origin().toString());
            if (explain) {
                setting.option().ifPresent(option -> addDocumentation(option, setting, entry));
            }
            entries.add(entry);
        }
        return entries;
    }

    private static void addDocumentation(Option<?> option, ShownSetting setting, Map<String, Object> entry) {
        entry.put("type", option.type());
        entry.put("allowed", option.allowed());
        entry.put("default", option.defaultText());
        entry.put("for", setting.users());
        setting.environmentVariable().ifPresent(variable -> entry.put("environmentVariable", variable));
        entry.put("aliases", option.aliases());
        entry.put("documentation", option.documentation());
    }
}
