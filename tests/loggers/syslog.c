/* Logs the same three lines through syslog(3), which copies them to stderr without their levels. */
#include <syslog.h>

int main(void) {
    openlog("app", LOG_PERROR | LOG_PID, LOG_USER);
    syslog(LOG_INFO, "ready");
    syslog(LOG_WARNING, "disk almost full");
    syslog(LOG_ERR, "cannot open");
    return 0;
}
