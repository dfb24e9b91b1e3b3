package io.lmcache.chunkfiles.directory;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many bytes the files of a root take, kept by all its writers on one machine together, in an {@link AccountPage} that
 * they share by a file.
 *
 * <p>The file is called after the boot of the machine, since memory is shared on one machine only: {@code account-} and
 * {@code /proc/sys/kernel/random/boot_id}. Where it cannot be had, or lies on a file system that a machine reaches by a
 * network and that could let a mere look at memory wait, a writer counts for itself, and learns of the others by scans; so it
 * does, too, once its page fails it. A writer that is killed leaves its reservation; the next janitor clears it.
 *
 * <p>Thread-safe. The lock is for a change of the page; what is counted meanwhile waits for no other.
 */
final class DirectoryAccount {
    private static final Logger LOG = LoggerFactory.getLogger(DirectoryAccount.class);
    private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
    private static final Pattern FILE = Pattern.compile("account-[0-9a-f-]{36}");
    private static final Set<String> LOCAL_FILE_SYSTEMS = Set.of(
            "bcachefs",
            "btrfs",
            "ext2",
            "ext3",
            "ext4",
            "f2fs",
            "jfs",
            "overlay",
            "ramfs",
            "rootfs",
            "tmpfs",
            "xfs",
            "zfs");

    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    // Guarded by lock: read to use the page, written to change it.
    private AccountPage page;
    private long owner;
    // What this writer has reserved, to take it along to another page; written while the page is in use.
    private final AtomicLong reserved = new AtomicLong();
    private final AtomicInteger pages = new AtomicInteger();

    private DirectoryAccount(AccountPage page, long owner) {
        this.page = page;
        this.owner = owner;
    }

    /** Whether a file of that name, among those of this library, is an account. */
    static boolean isFile(String fileName) {
        return FILE.matcher(fileName).matches();
    }

    /**
     * The account of a root.
     *
     * @param control the folder of this library below the root
     * @param owner a number that no other writer has, not 0
     */
    static DirectoryAccount open(Path control, long owner) {
        return new DirectoryAccount(page(control, owner), owner);
    }

    /** The account of a writer that counts for itself. */
    static DirectoryAccount ofOne(long owner) {
        return new DirectoryAccount(AccountPage.ofOne(owner), owner);
    }

    private static AccountPage page(Path control, long owner) {
        try {
            String kind = Files.getFileStore(control).type();
            if (LOCAL_FILE_SYSTEMS.contains(kind)) {
                return AccountPage.shared(control, file(control), owner);
            }
            LOG.debug("Writers in {} do not share an account: it is on {}", control, kind);
        } catch (IOException | UnsupportedOperationException | InternalError e) {
            LOG.debug("Writers in {} do not share an account, and learn of each other by scans", control, e);
        }
        return AccountPage.ofOne(owner);
    }

    /** What the account says that the writers on this machine keep now; empty when there is none. */
    static Optional<RootAccount> look(Path control) {
        try (FileChannel channel = PlainFiles.open(control, file(control), Set.of(StandardOpenOption.READ))) {
            return AccountPage.read(channel);
        } catch (IOException e) {
            LOG.debug("The account in {} cannot be read", control, e);
            return Optional.empty();
        }
    }

    /** The file of the account, on this machine since its last start. */
    static Path file(Path control) throws IOException {
        return control.resolve("account-" + Files.readString(BOOT_ID).strip());
    }

    /** How often the account was begun anew: what was known of another page is not known of this one. */
    int pages() {
        return pages.get();
    }

    /** Begins anew in a folder that was made anew, and takes along what is reserved. */
    void reopen(Path control, long newOwner) {
        lock.writeLock().lock();
        try {
            AccountPage before = page;
            owner = newOwner;
            change(page(control, newOwner));
            before.unmap();
        } finally {
            lock.writeLock().unlock();
        }
    }

    // Called with the lock held.
    private void change(AccountPage other) {
        page = other;
        page.reserve(reserved.get());
        pages.incrementAndGet();
    }

    /** Gives up a page that fails. */
    private void leave(InternalError failure) {
        lock.writeLock().lock();
        try {
            if (page.isShared()) {
                AccountPage before = page;
                change(AccountPage.ofOne(owner));
                before.unmap();
                LOG.warn(
                        "The account of a chunk directory cannot be used any more: somebody has cut its file, or the drive"
                                + " fails. This writer counts for itself from now on",
                        failure);
            }
        } finally {
            lock.writeLock().unlock();
        }
    }

    private <T> T ask(Function<AccountPage, T> question) {
        try {
            return askOnce(question);
        } catch (InternalError e) {
            leave(e);
            return askOnce(question);
        }
    }

    private <T> T askOnce(Function<AccountPage, T> question) {
        lock.readLock().lock();
        try {
            return question.apply(page);
        } finally {
            lock.readLock().unlock();
        }
    }

    private void tell(Consumer<AccountPage> news) {
        ask(page -> {
            news.accept(page);
            return true;
        });
    }

    /** Whether other writers may count here, too. */
    boolean isShared() {
        return ask(AccountPage::isShared);
    }

    /** Whether a scan has found out what is stored. */
    boolean isMeasured() {
        return ask(AccountPage::isMeasured);
    }

    /** Whether there are others who keep the account. */
    boolean hasOthers() {
        return ask(AccountPage::hasOthers);
    }

    /** The bytes stored and reserved, by everybody. */
    long used() {
        return ask(AccountPage::used);
    }

    /** Reserves so many bytes, or, when negative, gives them back. */
    void reserve(long bytes) {
        tell(page -> {
            page.reserve(bytes);
            reserved.addAndGet(bytes);
        });
    }

    /** Turns a reservation into stored bytes. */
    void publish(long bytes) {
        tell(page -> {
            page.publish(bytes);
            reserved.addAndGet(-bytes);
        });
    }

    void remove(long bytes) {
        tell(page -> page.remove(bytes));
    }

    /** The bytes ever published; what a scan has to be told when it ends. */
    long published() {
        return ask(AccountPage::published);
    }

    /**
     * Takes over what a scan found. What was published meanwhile may be in it or not, and is added.
     *
     * @param publishedBefore what {@link #published} was when the scan began
     * @param isComplete whether the scan saw everything; else the count does not become less
     */
    void endScan(long found, long publishedBefore, boolean isComplete) {
        tell(page -> page.endScan(found, publishedBefore, isComplete));
    }

    /** The numbers of the writers that keep the account. */
    Set<Long> owners() {
        return ask(AccountPage::owners);
    }

    /** Frees what a writer had reserved that is dead. */
    void clear(long dead) {
        tell(page -> page.clear(dead));
    }

    /**
     * Leaves the account to the others, and counts for itself whatever is late. Idempotent.
     *
     * @return whether the account was shared, and there are no others
     */
    boolean close() {
        lock.writeLock().lock();
        try {
            AccountPage before = page;
            page = AccountPage.ofOne(owner);
            return before.close();
        } catch (InternalError e) {
            LOG.debug("An account that fails is left", e);
            return false;
        } finally {
            lock.writeLock().unlock();
        }
    }
}
