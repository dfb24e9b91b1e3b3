package io.lmcache.backend.gds.diagnosis;

import io.lmcache.api.spi.Finding;
import io.lmcache.backend.gds.cufile.CufileDriver;
import io.lmcache.backend.gds.cufile.CufileException;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The libcufile that is loaded, and its configuration. Immutable and thread-safe.
 *
 * @param machine where it runs
 */
public record CufileCheck(Machine machine) {
    private static final String VARIABLE = "CUFILE_ENV_PATH_JSON";
    private static final String USUAL_FILE = "/etc/cufile.json";
    private static final Pattern COMMENT = Pattern.compile("(?m)^\\s*//.*$");
    private static final Pattern NO_COMPATIBILITY = Pattern.compile("\"allow_compat_mode\"\\s*:\\s*false");

    /** The library. */
    public Finding library(CufileDriver driver) throws CufileException {
        int version = driver.version();
        return Finding.ok(
                "libcufile",
                "version %d.%d, %s"
                        .formatted(version / 1000, version % 1000 / 10, mapped().orElseGet(driver::location)));
    }

    /** The file that is in this process's memory: the name by which it was asked for may lead to any. */
    private Optional<String> mapped() {
        return machine.text("/proc/self/maps").stream()
                .flatMap(String::lines)
                .filter(line -> line.contains("/libcufile.so"))
                .map(line -> line.substring(line.indexOf('/')))
                .findFirst();
    }

    /** The configuration. */
    public Finding configuration() {
        String file = machine.environment().getOrDefault(VARIABLE, USUAL_FILE);
        String origin = machine.environment().containsKey(VARIABLE) ? " (by " + VARIABLE + ")" : "";
        Optional<String> content = machine.text(file);
        if (content.isEmpty()) {
            return origin.isEmpty()
                    ? Finding.ok("cufile.json", "no " + file + ": libcufile's defaults are in force")
                    : Finding.note(
                            "cufile.json",
                            file + origin + " cannot be read",
                            "correct or remove the variable " + VARIABLE);
        }
        return forbidsCompatibility(content.get())
                ? Finding.note(
                        "cufile.json",
                        file + origin + " forbids the compatibility mode (allow_compat_mode is false): libcufile works"
                                + " where direct I/O does, and nowhere else",
                        "set allow_compat_mode to true there")
                : Finding.ok("cufile.json", file + origin + " is in force, and allows the compatibility mode");
    }

    private static boolean forbidsCompatibility(String json) {
        return NO_COMPATIBILITY.matcher(COMMENT.matcher(json).replaceAll("")).find();
    }
}
