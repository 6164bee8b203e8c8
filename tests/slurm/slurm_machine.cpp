#include "tests/slurm/slurm_machine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace oar {
namespace {

namespace fs = std::filesystem;

/// Where Debian puts the daemons; not in the PATH of every user.
std::string daemon_path(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/local/sbin/", "/usr/bin/", "/usr/local/bin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return "";
}

/// A port of this machine that nobody listens on.
int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(listener);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

std::string host_name() {
  std::string name = output_of("hostname -s");
  return name.substr(0, name.find('\n'));
}

bool wait_for(int seconds, const std::function<bool()>& condition) {
  for (int i = 0; i < 10 * seconds; ++i) {
    if (condition()) return true;
    ::usleep(100'000);
  }
  return condition();
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error(command);
  std::string text;
  std::array<char, 4096> part;
  while (const size_t size = std::fread(part.data(), 1, part.size(), pipe)) {
    text.append(part.data(), size);
  }
  ::pclose(pipe);
  return text;
}

bool SlurmMachine::installed() {
  return !daemon_path("slurmctld").empty() && !daemon_path("slurmd").empty() &&
         !daemon_path("sbatch").empty();
}

void SlurmMachine::write_configuration() {
  const std::string host = host_name(), folder = folder_.string();
  const std::string user = ::getpwuid(::geteuid())->pw_name;
  std::ofstream(folder_ / "slurm.conf")
      << "ClusterName=oar\nSlurmctldHost=" << host << "(127.0.0.1)\nSlurmctldPort=" << free_port()
      << "\nSlurmdPort=" << free_port() << "\nSlurmUser=" << user << "\nSlurmdUser=" << user
      << "\nStateSaveLocation=" << folder << "/state\nSlurmdSpoolDir=" << folder
      << "/spool\nSlurmctldPidFile=" << folder << "/slurmctld.pid\nSlurmdPidFile=" << folder
      << "/slurmd.pid\nSlurmctldLogFile=" << folder << "/slurmctld.log\nSlurmdLogFile=" << folder
      << "/slurmd.log\n"
         // No munge, cgroups or accounting. A requeued job waits until its credential has expired.
         "AuthType=auth/none\nAuthInfo=cred_expire=5\nCredType=cred/none\n"
         "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n"
         "JobAcctGatherType=jobacct_gather/none\nSelectType=select/cons_tres\n"
         "SelectTypeParameters=CR_Core\nMpiDefault=none\nSwitchType=switch/none\n"
         "ReturnToService=2\nKillWait=10\nSchedulerType=sched/backfill\n"
         "SchedulerParameters=sched_interval=1,bf_interval=1\n"
         "SlurmdParameters=config_overrides\n"
      << "NodeName=" << host << " NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN\n"
      << "PartitionName=main Nodes=" << host << " Default=YES MaxTime=INFINITE State=UP\n";
}

pid_t SlurmMachine::start_daemon(const std::string& program,
                                 const std::vector<std::string>& arguments) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // a test that is killed leaves no daemon behind
  if (::getppid() != parent) ::_exit(1);
  const int log =
      ::open((folder_ / "daemons.txt").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  ::dup2(log, 1);
  ::dup2(log, 2);
  std::vector<std::string> words = {daemon_path(program), "-D", "-c"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

SlurmMachine::SlurmMachine() {
  std::string name = (fs::temp_directory_path() / "oar-slurm-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
  folder_ = name;
  fs::create_directories(folder_ / "state");
  fs::create_directories(folder_ / "spool");
  write_configuration();
  ::setenv("SLURM_CONF", (folder_ / "slurm.conf").c_str(), 1);
  controller_ = start_daemon("slurmctld", {});
  node_ = start_daemon("slurmd", {"-N", host_name()});
  const bool idle = wait_for(30, [] { return output_of("sinfo -h -o %t 2>&1") == "idle\n"; });
  if (idle) return;
  const std::string logs = text_of(folder_ / "daemons.txt") + text_of(folder_ / "slurmctld.log") +
                           text_of(folder_ / "slurmd.log");
  shut_down();
  throw std::runtime_error("Slurm did not come up:\n" + logs);
}

SlurmMachine::~SlurmMachine() { shut_down(); }

void SlurmMachine::shut_down() {
  if (controller_ < 0) return;
  output_of("scancel --user=$(id -un) 2>&1");
  wait_until_idle(15);
  stop(node_);
  stop(controller_);
  controller_ = -1;
  ::unsetenv("SLURM_CONF");
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void SlurmMachine::stop(pid_t daemon) {
  ::kill(daemon, SIGTERM);
  if (wait_for(10, [&] { return ::waitpid(daemon, nullptr, WNOHANG) != 0; })) return;
  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
}

std::vector<std::map<std::string, std::string>> SlurmMachine::jobs() const {
  std::istringstream lines(output_of("scontrol show job --oneliner 2>/dev/null"));
  std::vector<std::map<std::string, std::string>> jobs;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::map<std::string, std::string> job;
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      if (equals != std::string::npos) job.emplace(word.substr(0, equals), word.substr(equals + 1));
    }
    if (job.contains("JobId")) jobs.push_back(std::move(job));
  }
  return jobs;
}

bool SlurmMachine::wait_until_idle(int seconds) const {
  return wait_for(seconds, [] { return output_of("squeue -h 2>&1").empty(); });
}

}  // namespace oar
