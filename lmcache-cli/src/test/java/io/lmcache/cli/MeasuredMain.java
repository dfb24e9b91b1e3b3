package io.lmcache.cli;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;

/** The program, which tells at its end on standard error how much heap it had in use at most, garbage included. */
final class MeasuredMain {
    static final String PEAK = "heap peak MiB: ";

    private MeasuredMain() {}

    public static void main(String[] arguments) {
        int status = Main.commandLine(Invocation.MODEL, System.in).execute(arguments);
        long peak = ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .map(MemoryPoolMXBean::getPeakUsage)
                .mapToLong(usage -> usage.getUsed())
                .sum();
        System.err.println(PEAK + (peak >> 20));
        System.exit(status);
    }
}
