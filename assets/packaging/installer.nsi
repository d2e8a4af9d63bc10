; The installer for Windows: for this person alone, so that it asks for no rights.
Target amd64-unicode
SetCompressor /SOLID lzma
!include MUI2.nsh
!cd "${TREE}" ; so that no name below has a slash of either kind
Name "Interview Copilot"
OutFile "${OUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\Interview Copilot"
InstallDirRegKey HKCU "Software\Interview Copilot" "InstallDir"
VIProductVersion "${NUMBERS}"
VIAddVersionKey ProductName "Interview Copilot"
VIAddVersionKey FileDescription "Interview Copilot Setup"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey LegalCopyright ""
!define MUI_ICON "app.ico"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Interview Copilot"
!define MUI_FINISHPAGE_RUN "$INSTDIR\InterviewCopilot.exe"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE English

Section
	SetOutPath "$INSTDIR"
	File "InterviewCopilot.exe"
	File "LICENCES.txt"
	WriteUninstaller "$INSTDIR\Uninstall.exe"
	CreateShortcut "$SMPROGRAMS\Interview Copilot.lnk" "$INSTDIR\InterviewCopilot.exe"
	WriteRegStr HKCU "Software\Interview Copilot" "InstallDir" "$INSTDIR"
	WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Interview Copilot"
	WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
	WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\InterviewCopilot.exe"
	WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\Uninstall.exe"'
	WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
	WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
SectionEnd

Section Uninstall
	Delete "$INSTDIR\InterviewCopilot.exe"
	Delete "$INSTDIR\LICENCES.txt"
	Delete "$INSTDIR\Uninstall.exe"
	RMDir "$INSTDIR"
	Delete "$SMPROGRAMS\Interview Copilot.lnk"
	DeleteRegKey HKCU "Software\Interview Copilot"
	DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd
